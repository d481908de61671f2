package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// A driver of the simplest kind, for tests: it does as it is told, also what a driver must not.
final class Host {
    static final int COMMON = 0;
    static final int ISR = 0x1000;
    static final int DEVICE = 0x2000;
    static final int NOTIFY = 0x3000;

    final Target target;
    private long next = 0x1000;

    Host(Target target) {
        this.target = target;
    }

    // ---- Memory

    /// Takes fresh memory, zeroed.
    ///
    /// @return its offset in the target's memory
    long allocate(long bytes, long alignment) {
        long at = next + alignment - 1 & -alignment;
        next = at + bytes;
        target.memory().asSlice(at, bytes).fill((byte) 0);
        return at;
    }

    long mark() {
        return next;
    }

    void release(long mark) {
        next = mark;
    }

    MemorySegment memory() {
        return target.memory();
    }

    long address(long offset) {
        return target.base() + offset;
    }

    // ---- Registers

    int status() {
        return (int) target.read(0x14, 1);
    }

    void status(int value) {
        target.write(0x14, 1, value);
    }

    long offered() {
        target.write(0, 4, 0);
        long low = target.read(4, 4) & 0xFFFF_FFFFL;
        target.write(0, 4, 1);
        return low | target.read(4, 4) << 32;
    }

    void accept(long features) {
        target.write(8, 4, 0);
        target.write(0xC, 4, features & 0xFFFF_FFFFL);
        target.write(8, 4, 1);
        target.write(0xC, 4, features >>> 32);
    }

    /// Reset to FEATURES_OK.
    void negotiate(long features) {
        status(0);
        status(1);
        status(3);
        accept(features);
        status(0xB);
    }

    void ready() {
        status(0xF);
    }

    void select(int queue) {
        target.write(0x16, 2, queue);
    }

    int queueSize(int queue) {
        select(queue);
        return (int) target.read(0x18, 2);
    }

    void address64(int offset, long value) {
        target.write(offset, 4, value & 0xFFFF_FFFFL);
        target.write(offset + 4, 4, value >>> 32);
    }

    long config(int offset, int width) {
        return target.read(DEVICE + offset, width);
    }

    void notify(int queue) {
        target.write(NOTIFY + 4 * queue, 2, queue);
    }

    /// Sets a queue up and enables it.
    HostRing queue(int index, int size, long features, int vector) {
        HostRing ring =
                (features & 1L << 34) != 0
                        ? new PackedHostRing(this, index, size, features)
                        : new SplitHostRing(this, index, size, features);
        enable(ring, vector);
        return ring;
    }

    void enable(HostRing ring, int vector) {
        select(ring.index);
        target.write(0x18, 2, ring.size);
        address64(0x20, address(ring.descriptors));
        address64(0x28, address(ring.driver));
        address64(0x30, address(ring.device));
        target.write(0x1A, 2, vector);
        target.write(0x1C, 2, 1);
    }

    /// A piece of a buffer.
    ///
    /// @param offset in memory
    record Piece(long offset, long length, boolean write) {}

    static Piece in(long offset, long length) {
        return new Piece(offset, length, false);
    }

    static Piece out(long offset, long length) {
        return new Piece(offset, length, true);
    }

    /// A buffer that was used.
    record Used(int id, long length) {}

    /// The driver's side of a queue.
    abstract static class HostRing {
        final Host host;
        final int index;
        final int size;
        final boolean eventIndex;
        long descriptors;
        long driver;
        long device;

        HostRing(Host host, int index, int size, long features) {
            this.host = host;
            this.index = index;
            this.size = size;
            eventIndex = (features & 1L << 29) != 0;
        }

        final MemorySegment memory() {
            return host.memory();
        }

        /// Makes a buffer available.
        ///
        /// @return its id
        abstract int add(List<Piece> pieces);

        final int add(Piece... pieces) {
            return add(List.of(pieces));
        }

        abstract int addIndirect(List<Piece> pieces);

        /// Whether the device wants to be notified of what was added since this was asked last.
        abstract boolean kickDue();

        /// The next used buffer, null if there is none.
        abstract Used poll();

        /// Asks for an interrupt with the next used buffer, or for none.
        abstract void interrupts(boolean wanted);

        final void kick() {
            host.notify(index);
        }

        final void descriptor(long at, long address, long length, int flags, int last) {
            Wire.put64(memory(), at, address);
            Wire.put32(memory(), at + 8, (int) length);
            Wire.put16(memory(), at + 12, flags);
            Wire.put16(memory(), at + 14, last);
        }

        /// Writes an indirect table.
        final long table(List<Piece> pieces, boolean linked) {
            long at = host.allocate(16L * pieces.size(), 16);
            for (int i = 0; i < pieces.size(); i++) {
                Piece piece = pieces.get(i);
                boolean more = linked && i + 1 < pieces.size();
                int flags = (piece.write ? 2 : 0) | (more ? 1 : 0);
                descriptor(
                        at + 16L * i,
                        host.address(piece.offset),
                        piece.length,
                        linked ? flags : 0,
                        linked ? i + 1 : flags);
            }
            return at;
        }
    }
}
