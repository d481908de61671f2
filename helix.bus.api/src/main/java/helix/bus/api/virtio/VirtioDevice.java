package helix.bus.api.virtio;

import helix.hal.api.ChildDevice;
import helix.hal.api.Lease;
import helix.virtio.VirtioTransport;
import org.osgi.annotation.versioning.ConsumerType;

/// A virtio device, as a service: [#bus()] is `virtio`. Its driver neither knows nor cares what it
/// is attached to.
@ConsumerType
public interface VirtioDevice extends ChildDevice {
    /// Service property: the [#deviceId()] as a lower-case hex string without 0x: `1` a network
    /// card, `2` a block device. VIRTIO 1.2, section 5.
    String DEVICE = "virtio.device";

    /// Service property: the id of the device that it was found on: `0000:00:05.0`.
    String ON = "virtio.on";

    /// The kind of device.
    ///
    /// @return a number of VIRTIO 1.2, section 5
    int deviceId();

    /// Opens the device's registers for the holder of a lease of this device. What it gives throws
    /// once the lease is revoked or passed on.
    ///
    /// @param lease a valid lease of this device
    /// @return registers and notifications
    /// @throws helix.hal.api.DeviceException if the device's structures cannot be used, naming the
    ///   one
    VirtioTransport open(Lease lease);
}
