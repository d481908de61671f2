package helix.hal.sim.virtio;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/// What a disk keeps its sectors on. Called by one thread at a time; ranges are within [#bytes()].
/// Nothing is allocated per call, but where a piece of memory is used for the first time.
interface Media extends AutoCloseable {
    /// How large it is.
    long bytes();

    void read(long at, MemorySegment to, long offset, long length) throws IOException;

    void write(long at, MemorySegment from, long offset, long length) throws IOException;

    /// Makes a range read zeroes.
    void zero(long at, long length) throws IOException;

    /// What was written survives the loss of power from now on.
    void flush() throws IOException;

    /// Makes it larger or smaller.
    void resize(long bytes) throws IOException;

    @Override
    void close();
}
