package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;

/// Forgets what is written, and leaves the reader's memory as it is: for measuring.
final class NullMedia implements Media {
    private long bytes;

    NullMedia(long bytes) {
        this.bytes = bytes;
    }

    @Override
    public long bytes() {
        return bytes;
    }

    @Override
    public void read(long at, MemorySegment to, long offset, long length) {}

    @Override
    public void write(long at, MemorySegment from, long offset, long length) {}

    @Override
    public void zero(long at, long length) {}

    @Override
    public void flush() {}

    @Override
    public void resize(long size) {
        bytes = size;
    }

    @Override
    public void close() {}
}
