package helix.block.nbd.internal;

import helix.hal.api.DmaBuffer;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/// A request in flight, used again and again. The receiving thread fills it in, the serving thread
/// submits and answers it; the rings between them order their accesses.
final class Request {
    /// Room for the longest head of a reply: an error chunk with its text.
    static final int HEAD_BYTES = 32 + Errors.MAX_TEXT;

    /// The tag of its parts in the disk's queue.
    final int index;

    /// The head of its reply.
    final ByteBuffer head = ByteBuffer.allocateDirect(HEAD_BYTES);

    /// Its payload: memory that the device reaches, and a view of it for the socket. Kept for the
    /// next request that fits.
    @Nullable DmaBuffer memory;

    @Nullable ByteBuffer payload;

    int type;
    int flags;
    long cookie;
    long offset;
    long length;

    /// The NBD error it ends with, 0 so far.
    int error;

    /// How many of its bytes the disk's queue has taken.
    long submitted;

    /// How many parts of it are in flight.
    int parts;

    /// Whether it waits for its turn to be submitted.
    boolean waiting;

    /// Whether what it wrote is written, and a flush follows to make it durable.
    boolean flushing;

    Request(int index) {
        this.index = index;
    }

    void begin(int type, int flags, long cookie, long offset, long length) {
        this.type = type;
        this.flags = flags;
        this.cookie = cookie;
        this.offset = offset;
        this.length = length;
        error = 0;
        submitted = 0;
        parts = 0;
        waiting = false;
        flushing = false;
    }

    boolean hasFlag(int flag) {
        return (flags & flag) != 0;
    }

    /// Whether it fails; the first error stays.
    void fail(int reason) {
        if (error == 0) {
            error = reason;
        }
    }
}
