package helix.block.nbd.internal;

import java.io.IOException;
import java.nio.ByteBuffer;

/// Replies on their way to the client: sent in one go as far as the socket takes them. For the
/// serving thread.
final class Replies {
    private final Wire wire;
    private final RequestPool pool;
    private final boolean structured;

    /// What is to be sent, from [#first] to [#end]; the head of a reply, then its payload.
    private final ByteBuffer[] buffers;

    /// The request that is done with when the buffer at that place is sent.
    private final Request[] owners;

    private int first;
    private int end;

    Replies(Wire wire, RequestPool pool, boolean structured) {
        this.wire = wire;
        this.pool = pool;
        this.structured = structured;
        buffers = new ByteBuffer[2 * pool.size()];
        owners = new Request[2 * pool.size()];
    }

    boolean isEmpty() {
        return first == end;
    }

    /// Adds the reply to a request that ended.
    void add(Request request) {
        if (end > buffers.length - 2) {
            // As many as there are requests fit, so there is room at the beginning.
            System.arraycopy(buffers, first, buffers, 0, end - first);
            System.arraycopy(owners, first, owners, 0, end - first);
            end -= first;
            first = 0;
        }
        ByteBuffer head = request.head.clear();
        ByteBuffer payload = request.payload;
        if (request.error != 0) {
            error(head, request);
        } else if (request.type == Nbd.CMD_READ && payload != null) {
            read(head, request);
            append(head, request);
            append(payload.clear().limit((int) request.length), request);
            return;
        } else if (request.type == Nbd.CMD_BLOCK_STATUS) {
            blockStatus(head, request);
        } else {
            simple(head, request);
        }
        append(head.flip(), request);
    }

    private void append(ByteBuffer buffer, Request owner) {
        buffers[end] = buffer;
        owners[end] = owner;
        end++;
    }

    private void read(ByteBuffer head, Request request) {
        if (structured) {
            chunk(head, request, Nbd.REPLY_TYPE_OFFSET_DATA, 8 + (int) request.length);
            head.putLong(request.offset);
        } else {
            simple(head, request);
        }
        head.flip();
    }

    private void error(ByteBuffer head, Request request) {
        if (!structured) {
            simple(head, request);
            return;
        }
        byte[] text = Errors.text(request.error);
        chunk(head, request, Nbd.REPLY_TYPE_ERROR, 6 + text.length);
        head.putInt(request.error);
        head.putShort((short) text.length);
        head.put(text);
    }

    /// All is allocated, for all one knows.
    private static void blockStatus(ByteBuffer head, Request request) {
        chunk(head, request, Nbd.REPLY_TYPE_BLOCK_STATUS, 12);
        head.putInt(Handshake.BASE_ALLOCATION_ID);
        head.putInt((int) request.length);
        head.putInt(0);
    }

    private static void simple(ByteBuffer head, Request request) {
        head.putInt(Nbd.SIMPLE_REPLY_MAGIC);
        head.putInt(request.error);
        head.putLong(request.cookie);
    }

    /// Each reply is one chunk.
    private static void chunk(ByteBuffer head, Request request, int type, int length) {
        head.putInt(Nbd.STRUCTURED_REPLY_MAGIC);
        head.putShort((short) Nbd.REPLY_FLAG_DONE);
        head.putShort((short) type);
        head.putLong(request.cookie);
        head.putInt(length);
    }

    /// Sends what the socket takes, and gives back the requests that are done with.
    ///
    /// @return whether anything was sent
    boolean send() throws IOException {
        if (isEmpty() || wire.send(buffers, first, end - first) == 0) {
            return false;
        }
        while (first < end && !buffers[first].hasRemaining()) {
            Request request = owners[first];
            first++;
            if (first == end || !same(owners[first], request)) {
                pool.giveBack(request);
            }
        }
        if (first == end) {
            first = 0;
            end = 0;
        }
        return true;
    }

    @SuppressWarnings("ReferenceEquality")
    private static boolean same(Request a, Request b) {
        return a == b;
    }
}
