package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.api.PciCapability;
import helix.hal.internal.pci.ConfigSpace;
import helix.hal.internal.pci.PciFunction;
import java.util.Optional;

/// Virtio 1.2, section 4.1.4.3.2: 0 written to device_status, which reads back 0 when the reset is
/// complete. For transitional devices without modern capabilities the legacy register, 4.1.4.10.
final class VirtioReset implements DeviceReset {
    private static final int ALL_ONES = 0xFF;
    private static final int VENDOR = 0x1AF4;
    private static final int FIRST_DEVICE = 0x1000;
    private static final int LAST_DEVICE = 0x107F;

    /// Of struct virtio_pci_cap, 4.1.4.
    private static final int CFG_TYPE = 3;

    private static final int BAR = 4;
    private static final int OFFSET = 8;
    private static final int COMMON_CFG = 1;

    /// Of struct virtio_pci_common_cfg, 4.1.4.3.
    private static final long DEVICE_STATUS = 20;

    private static final long LEGACY_DEVICE_STATUS = 0x12;

    private record Status(Registers registers, long offset) {
        /// A function that was off the bus has not seen what was written: it reads as all ones.
        boolean isForgotten() {
            int status = registers.read8(offset);
            if (status == ALL_ONES) {
                registers.write8(offset, 0);
            }
            return status == 0;
        }
    }

    @Override
    public String name() {
        return "device_status = 0";
    }

    @Override
    public boolean applies(PciFunction function) {
        return function.vendorId() == VENDOR
                && function.deviceId() >= FIRST_DEVICE
                && function.deviceId() <= LAST_DEVICE
                && status(function).isPresent();
    }

    private static Optional<Status> status(PciFunction function) {
        ConfigSpace config = function.config();
        for (PciCapability c : function.capabilities()) {
            if (!c.extended()
                    && c.id() == PciCapability.VENDOR
                    && config.read8(c.offset() + CFG_TYPE) == COMMON_CFG) {
                int bar = config.read8(c.offset() + BAR);
                long offset = Integer.toUnsignedLong(config.read32(c.offset() + OFFSET));
                boolean inside =
                        function.bars().stream()
                                .anyMatch(
                                        b -> b.index() == bar && offset + DEVICE_STATUS < b.size());
                if (inside) {
                    return Registers.of(function, bar)
                            .map(r -> new Status(r, offset + DEVICE_STATUS));
                }
            }
        }
        return function.deviceId() < 0x1040
                ? Registers.of(function, 0).map(r -> new Status(r, LEGACY_DEVICE_STATUS))
                : Optional.empty();
    }

    @Override
    public boolean reset(PciFunction function, Deadline deadline) {
        Status status = status(function).orElseThrow();
        status.registers.write8(status.offset, 0);
        return Registers.await(deadline, status::isForgotten);
    }
}
