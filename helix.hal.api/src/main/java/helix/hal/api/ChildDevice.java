package helix.hal.api;

import org.osgi.annotation.versioning.ConsumerType;

/// A device that a bus driver has found behind its own. It is leased as a child of the lease under
/// which it was found, and ends with that.
@ConsumerType
public interface ChildDevice extends Device {
    /// Service property, optional: what it is, in a few words for a person: `virtio block device`.
    String DESCRIPTION = "device.description";

    /// The right of the bus driver's module that found it.
    ///
    /// @return the parent of this device's leases
    Lease parent();

    /// Quietens this device, so that none of its DMA happens any more. Called by the HAL when a
    /// lease of this device ends, with the driver of the device dead perhaps.
    ///
    /// @param deadline until when
    /// @return whether the device confirmed
    boolean reset(Deadline deadline);
}
