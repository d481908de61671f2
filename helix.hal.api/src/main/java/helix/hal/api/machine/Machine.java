package helix.hal.api.machine;

import helix.hal.api.PlatformDevice.PortRange;
import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/// A source of hardware: a simulated one, QEMU, the Linux kernel's VFIO. Published as a service
/// once it is ready to be enumerated; its unregistration takes all its devices along, in order,
/// before the hardware is switched off.
///
/// All methods may be called by any thread.
@ConsumerType
public interface Machine {
    /// Service property that a machine sets to true after it was registered: whoever listens for
    /// machines publishes their devices within that call, so that now all of them are there.
    String ANNOUNCED = "helix.machine.announced";

    /// The machine's short name, `qemu`; part of device properties and messages.
    ///
    /// @return a lower-case name, unique in the instance
    String name();

    /// How it is now.
    ///
    /// @return state and detail
    Status status();

    /// Its PCI host bridge, if it has one that the HAL is to enumerate.
    ///
    /// @return the host bridge
    Optional<PciHost> pci();

    /// Its I/O ports, if it has any.
    ///
    /// @return the port space, with accesses of 8, 16 and 32 bits
    Optional<BusAccess> ports();

    /// The memory its devices can reach by DMA, in few large pieces.
    ///
    /// @return the windows, fixed for the machine's life
    List<DmaWindow> dmaWindows();

    /// Its IOMMU, if it has one.
    ///
    /// @return what decides which memory a function reaches
    default Optional<DmaRemapping> remapping() {
        return Optional.empty();
    }

    /// Where message-signalled interrupts can go.
    ///
    /// @return the source of messages
    MessageInterrupts messages();

    /// Its interrupt lines.
    ///
    /// @return the lines
    InterruptLines lines();

    /// Devices that no bus enumerates.
    ///
    /// @return descriptions, fixed for the machine's life
    List<PlatformResource> platformDevices();

    /// Asks to be told of changes.
    ///
    /// @param listener called on a thread of the machine's; it returns soon
    /// @return closes the subscription
    Subscription listen(Listener listener);

    /// Accesses counted since the machine started.
    ///
    /// @return the counters now
    Counters counters();

    /// The state of a machine.
    enum State {
        /// Accesses are answered.
        READY,
        /// An access passed its deadline and its answer is still owed; others fail at once.
        STALLED,
        /// It broke; it will not come back by itself.
        FAILED
    }

    /// State and what a person should know about it.
    ///
    /// @param state the state
    /// @param detail one line, empty when all is well
    record Status(State state, String detail) {}

    /// Access counters.
    ///
    /// @param mmioReads memory-mapped register reads
    /// @param mmioWrites memory-mapped register writes
    /// @param portAccesses port reads and writes
    /// @param configAccesses config space reads and writes
    /// @param modelNanos how long threads of this JVM have worked as devices, in nanoseconds
    ///   without their idle looks; 0 where devices are not in this JVM
    record Counters(
            long mmioReads,
            long mmioWrites,
            long portAccesses,
            long configAccesses,
            long modelNanos) {
        /// Of a machine whose devices are not in this JVM.
        ///
        /// @param mmioReads memory-mapped register reads
        /// @param mmioWrites memory-mapped register writes
        /// @param portAccesses port reads and writes
        /// @param configAccesses config space reads and writes
        public Counters(long mmioReads, long mmioWrites, long portAccesses, long configAccesses) {
            this(mmioReads, mmioWrites, portAccesses, configAccesses, 0);
        }

        /// All memory-mapped register accesses.
        ///
        /// @return reads and writes
        public long mmio() {
            return mmioReads + mmioWrites;
        }
    }

    /// A device that no bus enumerates.
    ///
    /// @param name unique in the machine: `com1`
    /// @param pnpId its PNP id: `PNP0501`
    /// @param ports its port ranges
    /// @param lines the interrupt lines it raises
    record PlatformResource(
            String name, String pnpId, List<PortRange> ports, List<Integer> lines) {}

    /// Told of changes in a machine.
    @ConsumerType
    interface Listener {
        /// The status changed.
        ///
        /// @param status the new status
        default void statusChanged(Status status) {}

        /// PCI functions may have come or gone: the bus should be looked at again.
        default void pciChanged() {}
    }

    /// A subscription or a connection that can be ended.
    @FunctionalInterface
    interface Subscription extends AutoCloseable {
        /// Ends it; a second call does nothing.
        @Override
        void close();
    }
}
