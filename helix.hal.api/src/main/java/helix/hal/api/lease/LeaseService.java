package helix.hal.api.lease;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.Lease;
import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;

/// Grants, revokes and lists leases. Safe for use by any thread; works on different devices do not
/// wait for each other.
@ProviderType
public interface LeaseService {
    /// Grants the exclusive right to a device.
    ///
    /// @param device a present device of this HAL
    /// @param owner the holder's name, as messages show it
    /// @return a new lease, the next epoch of this device
    /// @throws helix.hal.api.DeviceBusyException if somebody holds it, naming the holder
    /// @throws helix.hal.api.DeviceException if the device is reserved by the platform or
    ///   quarantined
    /// @throws helix.hal.api.DeviceGoneException if the device is gone
    Lease grant(Device device, String owner);

    /// Passes a lease's right on to a device that its holder found behind its own: a child lease.
    /// It ends with its parent, before it.
    ///
    /// @param parent a valid lease
    /// @param child the device behind the parent's, not a device of the HAL itself
    /// @param owner the holder's name
    /// @param reset how to quieten the child
    /// @return a lease that reaches what the parent reaches
    /// @throws helix.hal.api.DeviceBusyException if somebody holds the child, naming the holder
    Lease grantChild(Lease parent, Device child, String owner, ChildReset reset);

    /// Quietens one child device so that none of its DMA happens any more.
    @FunctionalInterface
    interface ChildReset {
        /// Resets the child.
        ///
        /// @param deadline until when
        /// @return whether the device confirmed
        boolean reset(Deadline deadline);
    }

    /// Ends a lease in the order that keeps memory safe: children first; handles throw and no
    /// handler runs any more → bus mastering off → reset, confirmed by the device → DMA rights
    /// withdrawn → arena closed → memory returned. The caller has seen to it that no agent of the
    /// holder runs any more. A lease that has ended gives its old report.
    ///
    /// @param lease a lease of this service
    /// @param deadline until when the device may take
    /// @return what happened
    Release release(Lease lease, Deadline deadline);

    /// Passes a device to the next generation as it stands: nothing is reset, its DMA goes on, its
    /// interrupts stay enabled and are remembered until the next holder has handlers for them. The
    /// caller has seen to it that no agent of the old holder runs any more and that nobody is
    /// inside a queue of it.
    ///
    /// The new holder takes over memory by [helix.hal.api.DmaService#adopt] and vectors by
    /// [helix.hal.api.IrqService#adopt]; what it does not take stays out of use until its own lease
    /// ends. The old lease is [Lease.State#PASSED]: calls with it throw. Its mapped handles throw
    /// from [#retire] on, which is apart because closing them makes every thread of the JVM stop
    /// for a moment.
    ///
    /// @param from a valid lease without children
    /// @param owner the next holder's name
    /// @param deadline until when a running interrupt handler may take
    /// @return the next epoch's lease
    /// @throws helix.hal.api.DeviceTimeoutException if a handler did not return; `from` stays valid
    ///   then, without interrupts
    /// @throws helix.hal.api.DeviceException if `from` is not valid, or has children
    Lease pass(Lease from, String owner, Deadline deadline);

    /// Makes the mapped handles of a passed lease throw: off the path of requests, some time after
    /// [#pass].
    ///
    /// @param passed a lease that was passed
    /// @param deadline until when native calls may be inside its memory
    /// @return whether it is done; if not, it may be tried again
    boolean retire(Lease passed, Deadline deadline);

    /// The lease of a device.
    ///
    /// @param device a device
    /// @return the lease that is valid or not yet fully ended
    Optional<Lease> holder(Device device);

    /// All leases that have not ended.
    ///
    /// @return a snapshot
    List<Lease> leases();

    /// What ending a lease came to.
    ///
    /// @param confirmed whether the device confirmed its reset, or is gone and can do no more DMA
    /// @param reset which reset confirmed it: `FLR`, `CSTS.RDY = 0`, `gone` … or why none did
    /// @param bytesReturned DMA memory given back
    /// @param bytesQuarantined DMA memory kept out of use, because the device may still write to it
    /// @param millis how long it took
    record Release(
            boolean confirmed,
            String reset,
            long bytesReturned,
            long bytesQuarantined,
            long millis) {}
}
