package helix.driver.bus.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.Lease;
import helix.hal.api.MmioRegion;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.registers.Await;
import helix.virtio.VirtioTransport;
import java.time.Duration;

/// The virtio device that a PCI function is.
///
/// What its drivers get is mapped with their own leases. With the bus driver's own lease nothing is
/// done but to reset it, which also serves when the device's driver is dead.
final class PciVirtioDevice implements VirtioDevice {
    private static final int ALL_ONES = 0xFF;

    static final String BUS_NAME = "virtio";

    private final PciDevice function;
    private final int deviceId;
    private final Structures structures;
    private final MmioService mmio;
    private final Lease lease;
    private final MmioRegion common;

    /// @param function the PCI function
    /// @param deviceId what kind of device it is
    /// @param structures where its registers are
    /// @param mmio maps them
    /// @param lease the bus driver's own
    PciVirtioDevice(
            PciDevice function,
            int deviceId,
            Structures structures,
            MmioService mmio,
            Lease lease) {
        this.function = function;
        this.deviceId = deviceId;
        this.structures = structures;
        this.mmio = mmio;
        this.lease = lease;
        this.common = map(lease, structures.common());
    }

    private MmioRegion map(Lease of, Structure structure) {
        return mmio.map(of, structure.bar()).slice(structure.offset(), structure.length());
    }

    @Override
    public String id() {
        return function.id() + "/" + BUS_NAME;
    }

    @Override
    public String bus() {
        return BUS_NAME;
    }

    @Override
    public String machine() {
        return function.machine();
    }

    @Override
    public boolean isPresent() {
        return function.isPresent();
    }

    @Override
    public Lease parent() {
        return lease;
    }

    @Override
    public int deviceId() {
        return deviceId;
    }

    @Override
    public VirtioTransport open(Lease child) {
        if (!equals(child.device())) {
            throw new IllegalArgumentException(child.owner() + " is no lease of " + id());
        }
        MmioRegion registers = map(child, structures.common());
        return new PciTransport(
                id(),
                registers,
                map(child, structures.notification()),
                structures.multiplier(),
                map(child, structures.isr()),
                structures.device().map(s -> map(child, s)).orElseGet(() -> registers.slice(0, 0)),
                structures.msixTableSize());
    }

    /// Section 4.1.4.3.2: 0 is written to device_status and the reset is complete when that reads
    /// 0. The device has then forgotten queues, features and vectors.
    @Override
    public boolean reset(Deadline deadline) {
        try {
            common.write8(CommonConfig.DEVICE_STATUS_8, 0);
            Await.until(
                    id(),
                    "device_status = 0",
                    Duration.ofNanos(deadline.remainingNanos()),
                    () -> hasForgotten() || !function.isPresent(),
                    () -> "");
            return true;
        } catch (DeviceGoneException e) {
            return true; // what is gone writes to no memory
        } catch (DeviceTimeoutException e) {
            return false;
        }
    }

    /// A device that was off the bus has not seen what was written: it reads as all ones.
    private boolean hasForgotten() {
        int status = common.read8(CommonConfig.DEVICE_STATUS_8);
        if (status == ALL_ONES) {
            common.write8(CommonConfig.DEVICE_STATUS_8, 0);
        }
        return status == 0;
    }

    @Override
    public String toString() {
        return id();
    }
}
