package helix.hal.sim.api;

import java.util.random.RandomGenerator;
import org.osgi.annotation.versioning.ProviderType;

/// What the machine does for one function. Called by its model, with the function's lock held,
/// unless said otherwise.
@ProviderType
public interface DeviceContext {
    /// A name for messages.
    ///
    /// @return the id it was plugged under, `nvme0`
    String id();

    /// Memory as this function reaches it.
    ///
    /// @return the port, always the same
    DmaPort dma();

    /// Sends an MSI-X or MSI message. A masked one is kept as pending; one that is not enabled, or
    /// without bus mastering, is lost as on a real bus.
    ///
    /// @param vector 0 to the count in the shape - 1
    void message(int vector);

    /// Whether messages are enabled: where they are, [#line] is not to be used.
    ///
    /// @return whether MSI-X or MSI is enabled in config space
    boolean messagesEnabled();

    /// Sets the level of the function's interrupt pin.
    ///
    /// @param raised whether it asserts INTx
    void line(boolean raised);

    /// The machine's time: of this computer, or virtual where the machine is stepped.
    ///
    /// @return nanoseconds from an arbitrary origin
    long nanos();

    /// Asks for a [DeviceModel#tick()] at a time; a later call replaces the time.
    ///
    /// @param nanos in terms of [#nanos()]
    void wakeAt(long nanos);

    /// Asks for a [DeviceModel#tick()] soon. May be called by any thread, with or without the lock.
    void wake();

    /// The function's supply fails: from now on it is off the bus as if it had been pulled out. Its
    /// registers and its config space read as ones, it reaches no memory, and there is no
    /// [DeviceModel#tick()]. When power is back the model is reset with [DeviceModel.Reset#POWER],
    /// and whoever enumerates the bus finds a function that knows nothing. A context without a
    /// machine around it does nothing.
    ///
    /// @param nanos for how long, from now on; `Long.MAX_VALUE` until [#restorePower()]
    default void losePower(long nanos) {}

    /// Ends [#losePower] before its time.
    default void restorePower() {}

    /// Chances of this function's own, seeded by the machine's seed and the function's id.
    ///
    /// @return the generator, always the same
    RandomGenerator random();

    /// The driver did what the specification does not allow. It is counted, reported as an event
    /// and a warning, and fails a test that asks for none; the first ones are kept with their text.
    ///
    /// @param rule a short name with the section, `doorbell value out of range (NVMe 2.0, 3.1.3)`
    /// @param detail what was done, with values
    void violation(String rule, String detail);
}
