package helix.hal.qemu;

import helix.hal.api.machine.BusAccess;
import java.util.concurrent.atomic.AtomicLong;

/// An address space of the machine, memory or ports, over qtest.
final class QtestBus implements BusAccess {
    private final QtestClient qtest;
    private final boolean ports;
    private final AtomicLong reads;
    private final AtomicLong writes;

    private QtestBus(QtestClient qtest, boolean ports, AtomicLong reads, AtomicLong writes) {
        this.qtest = qtest;
        this.ports = ports;
        this.reads = reads;
        this.writes = writes;
    }

    static QtestBus memory(QtestClient qtest, AtomicLong reads, AtomicLong writes) {
        return new QtestBus(qtest, false, reads, writes);
    }

    static QtestBus ports(QtestClient qtest, AtomicLong accesses) {
        return new QtestBus(qtest, true, accesses, accesses);
    }

    @Override
    public byte read8(long address) {
        return (byte) qtest.read(ports ? QtestCommand.INB : QtestCommand.READB, address, reads);
    }

    @Override
    public short read16(long address) {
        return (short) qtest.read(ports ? QtestCommand.INW : QtestCommand.READW, address, reads);
    }

    @Override
    public int read32(long address) {
        return (int) qtest.read(ports ? QtestCommand.INL : QtestCommand.READL, address, reads);
    }

    @Override
    public long read64(long address) {
        requireMemory();
        return qtest.read(QtestCommand.READQ, address, reads);
    }

    @Override
    public void write8(long address, byte value) {
        qtest.write(ports ? QtestCommand.OUTB : QtestCommand.WRITEB, address, value & 0xFF, writes);
    }

    @Override
    public void write16(long address, short value) {
        qtest.write(
                ports ? QtestCommand.OUTW : QtestCommand.WRITEW, address, value & 0xFFFF, writes);
    }

    @Override
    public void write32(long address, int value) {
        qtest.write(
                ports ? QtestCommand.OUTL : QtestCommand.WRITEL,
                address,
                value & 0xFFFF_FFFFL,
                writes);
    }

    @Override
    public void write64(long address, long value) {
        requireMemory();
        qtest.write(QtestCommand.WRITEQ, address, value, writes);
    }

    private void requireMemory() {
        if (ports) {
            throw new UnsupportedOperationException("ports have no accesses of 64 bits");
        }
    }
}
