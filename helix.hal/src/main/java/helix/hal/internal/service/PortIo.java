package helix.hal.internal.service;

import helix.hal.api.DeviceException;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.hal.api.PlatformDevice.PortRange;
import helix.hal.api.PortIoService;
import helix.hal.internal.device.PlatformHardware;
import helix.hal.internal.lease.GrantedLease;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/// Maps port ranges of platform devices.
@Component
public final class PortIo implements PortIoService {
    /// Nothing to keep: everything is the lease's.
    @Activate
    public PortIo() {}

    @Override
    public MmioRegion map(Lease lease, int range) {
        String wanted = "port range " + range;
        GrantedLease granted = GrantedLease.valid(lease, wanted);
        if (!(granted.device() instanceof PlatformHardware device)
                || range < 0
                || range >= device.ports().size()) {
            throw new DeviceException(granted.device().id() + " has no " + wanted);
        }
        PortRange ports = device.ports().get(range);
        return device.context()
                .machine()
                .ports()
                .map(space ->
                        MmioRegion.ofAccess(
                                lease.owner() + " " + wanted,
                                lease,
                                space,
                                ports.base(),
                                ports.count()))
                .orElseThrow(() -> new DeviceException(device.machine() + " has no port space"));
    }
}
