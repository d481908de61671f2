package helix.hal.api;

import org.osgi.annotation.versioning.ProviderType;

/// The interrupts of one leased device. Handlers run one at a time, on a thread of the platform
/// that serves this device alone; a handler that throws is reported to the module's supervisor, not
/// swallowed.
@ProviderType
public interface IrqVectors extends AutoCloseable {
    /// How the interrupts arrive.
    ///
    /// @return the kind that was chosen
    IrqKind kind();

    /// How many vectors there are.
    ///
    /// @return at least 1
    int count();

    /// Sets the handler of a vector and unmasks it.
    ///
    /// @param vector 0 to [#count()] - 1
    /// @param handler what to call
    void handler(int vector, InterruptHandler handler);

    /// Stops dispatching a vector: an interrupt that comes is remembered. A line is truly masked in
    /// the device.
    ///
    /// @param vector 0 to [#count()] - 1
    void mask(int vector);

    /// Dispatches a vector again, at once if an interrupt came meanwhile.
    ///
    /// @param vector 0 to [#count()] - 1
    void unmask(int vector);

    /// Calls the handler as if the device had raised the interrupt.
    ///
    /// @param vector 0 to [#count()] - 1
    void raise(int vector);

    /// How often the handler was called.
    ///
    /// @param vector 0 to [#count()] - 1
    /// @return a count since the vectors were allocated or adopted
    long delivered(int vector);

    /// How often the platform masked a vector because it came too often or never ceased; such a
    /// vector is dispatched again after [#unmask(int)].
    ///
    /// @return a count since the vectors were allocated or adopted
    default long storms() {
        return 0;
    }

    /// Disables the interrupts in the device and waits until no handler runs. A second call does
    /// nothing.
    @Override
    void close();
}
