package helix.driver.kit.virtio;

import helix.hal.api.machine.BusAccess;
import java.util.function.IntConsumer;

/// A doorbell: 16 bits that are written. Anything else is a driver's mistake.
///
/// @param written gets the values
record DoorbellBus(IntConsumer written) implements BusAccess {
    @Override
    public void write16(long address, short value) {
        written.accept(value & 0xFFFF);
    }

    @Override
    public byte read8(long address) {
        throw wrong();
    }

    @Override
    public short read16(long address) {
        throw wrong();
    }

    @Override
    public int read32(long address) {
        throw wrong();
    }

    @Override
    public long read64(long address) {
        throw wrong();
    }

    @Override
    public void write8(long address, byte value) {
        throw wrong();
    }

    @Override
    public void write32(long address, int value) {
        throw wrong();
    }

    @Override
    public void write64(long address, long value) {
        throw wrong();
    }

    private static AssertionError wrong() {
        return new AssertionError("a doorbell takes writes of 16 bits only");
    }
}
