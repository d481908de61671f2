package helix.hal.sim.api;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.util.List;
import java.util.Map;
import org.osgi.annotation.versioning.ConsumerType;

/// A PCI function in software. The machine decodes config space and BARs, carries out function
/// level reset, delivers interrupts and keeps DMA within what was granted; a model does what is
/// behind its registers, as the specification of the device says and not as one driver expects.
///
/// All methods are called with the function's lock held, so that a model needs no lock of its own:
/// register accesses on the thread that makes them, [#tick()] on the function's own thread. None
/// may wait. What a model throws ends its function as if it had been pulled out, and is reported.
@ConsumerType
public interface DeviceModel extends AutoCloseable {
    /// How the function looks in config space. Asked once, before [#powerOn].
    ///
    /// @return ids, BARs, interrupts and capabilities
    FunctionShape shape();

    /// The function has power; all its registers have their reset values.
    ///
    /// @param device what the machine does for this function, for as long as it is plugged
    void powerOn(DeviceContext device);

    /// A read of a BAR's register. Config space, the MSI-X table and its pending bits are the
    /// machine's. An access that the specification does not allow is reported to
    /// [DeviceContext#violation] and answered as a real device would, mostly with zero.
    ///
    /// @param bar 0 to 5
    /// @param offset in bytes, a multiple of the width
    /// @param width 1, 2, 4 or 8 bytes
    /// @return the value; bits beyond the width are ignored
    long read(int bar, long offset, int width);

    /// A write of a BAR's register.
    ///
    /// @param bar 0 to 5
    /// @param offset in bytes, a multiple of the width
    /// @param width 1, 2, 4 or 8 bytes
    /// @param value the value, bits beyond the width are zero
    void write(int bar, long offset, int width, long value);

    /// Works for a while: looks at doorbells and rings in memory, moves data, completes. Called
    /// again and again while it does something, less and less often while it does nothing, and soon
    /// after [DeviceContext#wake()], a register write or the time of [DeviceContext#wakeAt].
    ///
    /// @return how much was done, 0 for nothing
    default int tick() {
        return 0;
    }

    /// The function is reset: FLR, the loss of power of its slot, or of the machine. Registers take
    /// their reset values, nothing in flight completes any more, no memory is touched after it
    /// returns. What is not volatile, like a disk's contents, stays.
    ///
    /// @param kind why
    void reset(Reset kind);

    /// Faults of its own that this kind of device can produce, beside those the machine produces
    /// with any device.
    ///
    /// @return each with its options in words
    default List<Choice> faults() {
        return List.of();
    }

    /// Produces one of its [#faults()], or ends it.
    ///
    /// @param name which
    /// @param options its settings
    /// @return what was done, one line
    /// @throws DeviceException if it cannot be, with the reason
    default String fault(String name, Map<String, String> options) {
        throw new DeviceException("no fault " + name);
    }

    /// What a test wants to know of what the model did: commands, queues that wrapped.
    ///
    /// @return a count for each name, since the function was plugged
    default Map<String, Long> counters() {
        return Map.of();
    }

    /// The function was pulled out and is gone: files and sockets are closed.
    @Override
    default void close() {}

    /// Why a function is reset.
    enum Reset {
        /// Function level reset, PCI Express 6.0, section 6.6.2.
        FUNCTION_LEVEL,
        /// A conventional reset: secondary bus reset, power cycle of the slot or the machine.
        POWER
    }
}
