package helix.block.internal;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;

/// A copy of a request's memory that the device reaches, for one request at a time. Made at a
/// slot's first need and kept, so that bouncing allocates nothing either once it is warm.
final class Bounce {
    private final DmaBuffer memory;
    private long bytes;

    Bounce(DmaBuffer memory) {
        this.memory = memory;
    }

    DmaBuffer memory() {
        return memory;
    }

    /// How much of it is used now.
    void use(long size) {
        bytes = size;
    }

    long bytes() {
        return bytes;
    }

    /// Copies a piece of the client's memory in, or out again.
    void copy(DmaBuffer client, long offset, long at, long length, boolean in) {
        if (in) {
            MemorySegment.copy(client.segment(), offset, memory.segment(), at, length);
        } else {
            MemorySegment.copy(memory.segment(), at, client.segment(), offset, length);
        }
    }

    void close() {
        memory.close();
    }
}
