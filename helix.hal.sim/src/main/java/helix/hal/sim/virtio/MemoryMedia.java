package helix.hal.sim.virtio;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Sectors in memory of this process, of which only what was written takes room.
final class MemoryMedia implements Media {
    private static final int CHUNK_SHIFT = 20;
    private static final long CHUNK = 1L << CHUNK_SHIFT;

    private final Arena arena = Arena.ofShared();
    private @Nullable MemorySegment[] chunks;
    private @Nullable MemorySegment zeroes;
    private long bytes;

    MemoryMedia(long bytes) {
        this.bytes = bytes;
        chunks = new @Nullable MemorySegment[count(bytes)];
    }

    private static int count(long bytes) {
        return Math.toIntExact((bytes + CHUNK - 1) >> CHUNK_SHIFT);
    }

    /// What is not there reads like this.
    private MemorySegment zeroes() {
        MemorySegment found = zeroes;
        if (found == null) {
            found = arena.allocate(CHUNK, 4096);
            zeroes = found;
        }
        return found;
    }

    @Override
    public long bytes() {
        return bytes;
    }

    @Override
    public void read(long at, MemorySegment to, long offset, long length) {
        for (long done = 0; done < length; ) {
            long inside = at + done & CHUNK - 1;
            long now = Math.min(length - done, CHUNK - inside);
            MemorySegment chunk = chunks[(int) ((at + done) >> CHUNK_SHIFT)];
            if (chunk == null) {
                MemorySegment.copy(zeroes(), 0, to, offset + done, now);
            } else {
                MemorySegment.copy(chunk, inside, to, offset + done, now);
            }
            done += now;
        }
    }

    @Override
    public void write(long at, MemorySegment from, long offset, long length) {
        for (long done = 0; done < length; ) {
            long inside = at + done & CHUNK - 1;
            long now = Math.min(length - done, CHUNK - inside);
            int index = (int) ((at + done) >> CHUNK_SHIFT);
            MemorySegment chunk = chunks[index];
            if (chunk == null) {
                chunk = arena.allocate(CHUNK, 4096);
                chunks[index] = chunk;
            }
            MemorySegment.copy(from, offset + done, chunk, inside, now);
            done += now;
        }
    }

    @Override
    public void zero(long at, long length) {
        for (long done = 0; done < length; ) {
            long inside = at + done & CHUNK - 1;
            long now = Math.min(length - done, CHUNK - inside);
            MemorySegment chunk = chunks[(int) ((at + done) >> CHUNK_SHIFT)];
            if (chunk != null) {
                MemorySegment.copy(zeroes(), 0, chunk, inside, now);
            }
            done += now;
        }
    }

    @Override
    public void flush() {}

    @Override
    public void resize(long size) {
        if (size < bytes) {
            zero(size, bytes - size);
        }
        chunks = Arrays.copyOf(chunks, count(size));
        bytes = size;
    }

    @Override
    public void close() {
        arena.close();
    }
}
