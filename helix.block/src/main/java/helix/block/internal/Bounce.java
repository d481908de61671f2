package helix.block.internal;

import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;

/// A copy of a request's memory that the device reaches, for one request at a time. Made at a
/// slot's first need and kept, so that bouncing allocates nothing either once it is warm.
final class Bounce {
    private final ScatterList pieces;
    private final DmaBuffer memory;
    private boolean inUse;

    Bounce(int segments, DmaBuffer memory) {
        pieces = new ScatterList(segments);
        this.memory = memory;
    }

    DmaBuffer memory() {
        return memory;
    }

    /// Holds the request's memory until [#end()].
    void begin(ScatterList list) {
        inUse = true;
        for (int i = 0; i < list.size(); i++) {
            list.buffer(i).hold();
            pieces.add(list.buffer(i), list.offset(i), list.length(i));
        }
    }

    void copyIn() {
        long at = 0;
        for (int i = 0; i < pieces.size(); i++) {
            MemorySegment piece = pieces.buffer(i).segment();
            MemorySegment.copy(piece, pieces.offset(i), memory.segment(), at, pieces.length(i));
            at += pieces.length(i);
        }
    }

    void copyOut() {
        long at = 0;
        for (int i = 0; i < pieces.size(); i++) {
            MemorySegment piece = pieces.buffer(i).segment();
            MemorySegment.copy(memory.segment(), at, piece, pieces.offset(i), pieces.length(i));
            at += pieces.length(i);
        }
    }

    boolean inUse() {
        return inUse;
    }

    void end() {
        for (int i = 0; i < pieces.size(); i++) {
            pieces.buffer(i).drop();
        }
        pieces.clear();
        inUse = false;
    }

    void close() {
        end();
        memory.close();
    }
}
