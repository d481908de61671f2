package helix.hal.sim.virtio;

import helix.hal.api.PciBar;
import helix.hal.sim.api.FunctionShape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Where a virtio device's structures lie: VIRTIO 1.2, section 4.1.4. The same places as in QEMU's
/// devices, so that what is told to one can be told to the other.
final class PciLayout {
    static final int VENDOR = 0x1AF4;
    static final int FIRST_DEVICE = 0x1040;
    static final int SUBSYSTEM = 0x1100;

    /// 4.1.2.1: not transitional.
    static final int REVISION = 1;

    static final int MSIX_BAR = 1;
    static final int BAR = 4;

    static final int COMMON = 0x0000;
    static final int ISR = 0x1000;
    static final int DEVICE = 0x2000;
    static final int NOTIFY = 0x3000;
    static final int NOTIFY_END = 0x4000;
    static final int BAR_SIZE = 0x4000;
    static final int PAGE = 0x1000;

    static final int NOTIFY_MULTIPLIER = 4;

    /// As many as have a place to be notified at.
    static final int MOST_QUEUES = (NOTIFY_END - NOTIFY) / NOTIFY_MULTIPLIER;

    /// Of cfg_type.
    private static final int COMMON_CFG = 1;

    private static final int NOTIFY_CFG = 2;
    private static final int ISR_CFG = 3;
    private static final int DEVICE_CFG = 4;
    private static final int PCI_CFG = 5;

    private static final int VENDOR_CAPABILITY = 0x09;
    private static final int MSIX_PENDING = 0x800;
    private static final int MSIX_ENTRY = 16;

    private PciLayout() {}

    static FunctionShape shape(VirtioDevice device, int vectors) {
        FunctionShape.Builder shape =
                FunctionShape.builder(VENDOR, FIRST_DEVICE + device.deviceId(), device.classCode())
                        .revision(REVISION)
                        .subsystem(VENDOR, SUBSYSTEM)
                        .bar(BAR, PciBar.Kind.MEMORY64, BAR_SIZE)
                        .capability(VENDOR_CAPABILITY, structure(PCI_CFG, 0, 0, 20, 0))
                        .capability(
                                VENDOR_CAPABILITY,
                                structure(
                                        NOTIFY_CFG,
                                        NOTIFY,
                                        NOTIFY_END - NOTIFY,
                                        20,
                                        NOTIFY_MULTIPLIER))
                        .capability(
                                VENDOR_CAPABILITY,
                                structure(DEVICE_CFG, DEVICE, device.config().size(), 16, 0))
                        .capability(VENDOR_CAPABILITY, structure(ISR_CFG, ISR, PAGE, 16, 0))
                        .capability(VENDOR_CAPABILITY, structure(COMMON_CFG, COMMON, PAGE, 16, 0));
        if (vectors > 0) {
            int table = vectors * MSIX_ENTRY;
            int pending = Math.max(MSIX_PENDING, Integer.highestOneBit(table * 2 - 1));
            shape.bar(MSIX_BAR, PciBar.Kind.MEMORY32, Math.max(PAGE, pending * 2L))
                    .msix(vectors, MSIX_BAR, 0, pending);
        }
        return shape.build();
    }

    /// struct virtio_pci_cap without its first two bytes.
    private static byte[] structure(int type, int offset, int length, int size, int extra) {
        ByteBuffer body = ByteBuffer.allocate(size - 2).order(ByteOrder.LITTLE_ENDIAN);
        body.put(0, (byte) size).put(1, (byte) type).put(2, (byte) (type == PCI_CFG ? 0 : BAR));
        body.putInt(6, offset).putInt(10, length);
        if (size > 16) {
            body.putInt(14, extra);
        }
        return body.array();
    }
}
