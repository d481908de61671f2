package helix.driver.bus.virtio;

import helix.hal.api.PciAddress;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.PciDevice;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A virtio function's config space, as good or as bad as a test wants it.
final class FakeFunction implements PciDevice {
    static final int COMMON = 1;
    static final int NOTIFY = 2;
    static final int ISR = 3;
    static final int DEVICE = 4;
    static final int BAR = 4;
    static final long BAR_SIZE = 0x4000;

    final ByteBuffer config = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
    final List<PciCapability> capabilities = new ArrayList<>();
    final List<PciBar> bars = new ArrayList<>();
    int device = 0x1042;
    int subsystem = 0x40;
    boolean present = true;
    private int next = 0x40;

    /// With a memory BAR and nothing else.
    FakeFunction() {
        bars.add(new PciBar(BAR, PciBar.Kind.MEMORY64, true, 0x1_0000_0000L, BAR_SIZE));
    }

    /// As QEMU has it.
    static FakeFunction good() {
        return new FakeFunction()
                .msix(3)
                .notifyCap(BAR, 0x3000, 0x1000, 4)
                .cap(DEVICE, BAR, 0x2000, 0x1000)
                .cap(ISR, BAR, 0x1000, 0x1000)
                .cap(COMMON, BAR, 0, 0x1000);
    }

    FakeFunction cap(int type, int bar, long offset, long length) {
        return cap(16, type, bar, offset, length);
    }

    FakeFunction cap(int size, int type, int bar, long offset, long length) {
        int at = next;
        config.put(at, (byte) PciCapability.VENDOR);
        config.put(at + 2, (byte) size);
        config.put(at + 3, (byte) type);
        config.put(at + 4, (byte) bar);
        config.putInt(at + 8, (int) offset);
        config.putInt(at + 12, (int) length);
        capabilities.add(new PciCapability(PciCapability.VENDOR, at, false, 0));
        next += Math.max(16, size + 3 & ~3);
        return this;
    }

    FakeFunction notifyCap(int bar, long offset, long length, int multiplier) {
        config.putInt(next + 16, multiplier);
        return cap(20, NOTIFY, bar, offset, length);
    }

    /// A table in BAR 1.
    FakeFunction msix(int vectors) {
        bars.add(new PciBar(1, PciBar.Kind.MEMORY32, false, 0xFE00_0000L, 0x1000));
        return msix(vectors, 1, 0, 0x800);
    }

    FakeFunction msix(int vectors, int bar, int table, int pending) {
        config.put(next, (byte) PciCapability.MSI_X);
        config.putShort(next + 2, (short) (vectors - 1));
        config.putInt(next + 4, table | bar);
        config.putInt(next + 8, pending | bar);
        capabilities.add(new PciCapability(PciCapability.MSI_X, next, false, 0));
        next += 12;
        return this;
    }

    @Override
    public String id() {
        return address().toString();
    }

    @Override
    public String bus() {
        return "pci";
    }

    @Override
    public String machine() {
        return "fake";
    }

    @Override
    public boolean isPresent() {
        return present;
    }

    @Override
    public PciAddress address() {
        return PciAddress.parse("0000:00:05.0");
    }

    @Override
    public int vendorId() {
        return 0x1AF4;
    }

    @Override
    public int deviceId() {
        return device;
    }

    @Override
    public int subsystemVendorId() {
        return 0x1AF4;
    }

    @Override
    public int subsystemId() {
        return subsystem;
    }

    @Override
    public int classCode() {
        return 0x010000;
    }

    @Override
    public int revisionId() {
        return 1;
    }

    @Override
    public List<PciBar> bars() {
        return bars;
    }

    @Override
    public List<PciCapability> capabilities() {
        return capabilities;
    }

    @Override
    public Optional<PciAddress> parent() {
        return Optional.empty();
    }

    @Override
    public int readConfig8(int offset) {
        return config.get(offset) & 0xFF;
    }

    @Override
    public int readConfig16(int offset) {
        return config.getShort(offset) & 0xFFFF;
    }

    @Override
    public int readConfig32(int offset) {
        return config.getInt(offset);
    }

    @Override
    public int configSize() {
        return 256;
    }
}
