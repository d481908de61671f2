package helix.block.nbd.internal;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The receiving side of a connection in the transmission phase: a thread that reads requests,
/// payloads straight into memory that the device reaches, and hands them to the serving side.
final class Receiver implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(Receiver.class);

    /// How many requests without a payload one system call may bring.
    private static final int BATCH = 64;

    private static final long IDLE_MILLIS = 1000;

    /// How it ended.
    enum End {
        /// Not yet.
        NONE,
        /// By the client's wish, between two requests: what is in flight is answered.
        CLEAN,
        /// Amid a request, or with nonsense.
        BROKEN
    }

    private final Wire wire;
    private final Profile profile;
    private final RequestPool pool;
    private final Handover handover;
    private final boolean blockStatus;

    /// Bytes of requests that are not looked at yet, between position and limit.
    private final ByteBuffer heads = ByteBuffer.allocateDirect(BATCH * Nbd.REQUEST_BYTES);

    /// A payload, and the head behind it, in one system call.
    private final ByteBuffer[] payloadAndHead = {heads, heads};

    /// Whether the last request had a payload: then the next has one too, as a rule, and must not
    /// be read together with its head.
    private boolean payloads;

    private volatile End end = End.NONE;

    /// What the serving side does for this one.
    interface Handover {
        /// Takes a request, to be answered.
        void accept(Request request);

        /// Nothing more comes.
        void ended();

        /// Something came that is not NBD.
        void violated(String what);
    }

    Receiver(Wire wire, Profile profile, RequestPool pool, Handover handover, boolean blockStatus) {
        this.wire = wire;
        this.profile = profile;
        this.pool = pool;
        this.handover = handover;
        this.blockStatus = blockStatus;
        heads.flip();
    }

    End end() {
        return end;
    }

    /// Asks the thread to take no more requests.
    void stop() {
        pool.stop();
        wire.wakeReceiver();
    }

    boolean isStopping() {
        return pool.isStopped();
    }

    @Override
    public void run() {
        End how = End.BROKEN;
        try {
            how = receiveAll();
        } catch (ViolationException e) {
            handover.violated(String.valueOf(e.getMessage()));
        } catch (IOException e) {
            LOG.debug("{}: connection lost: {}", profile.name(), e.toString());
        } catch (RuntimeException e) {
            LOG.error("{}: the connection ends", profile.name(), e);
        } finally {
            end = how;
            handover.ended();
        }
    }

    private End receiveAll() throws IOException {
        while (!isStopping()) {
            if (!fill()) {
                return heads.hasRemaining() && !isStopping() ? End.BROKEN : End.CLEAN;
            }
            Request request = pool.take();
            if (request == null || !receive(request)) {
                return End.CLEAN;
            }
        }
        return End.CLEAN;
    }

    /// Waits for the head of a request.
    ///
    /// @return false at the end
    private boolean fill() throws IOException {
        while (heads.remaining() < Nbd.REQUEST_BYTES) {
            int bytes = payloads ? Nbd.REQUEST_BYTES : heads.capacity();
            heads.compact().limit(bytes);
            int got = wire.receive(heads);
            heads.flip();
            if (got < 0 || isStopping()) {
                return false;
            }
            if (got == 0) {
                awaitReadable();
            }
        }
        return true;
    }

    private void awaitReadable() throws IOException {
        long before = System.nanoTime();
        wire.awaitReadable(IDLE_MILLIS);
        if (System.nanoTime() - before >= IDLE_MILLIS * 1_000_000) {
            pool.trim();
        }
    }

    /// Reads one request.
    ///
    /// @return false if it was the last
    private boolean receive(Request request) throws IOException {
        int magic = heads.getInt();
        int flags = Short.toUnsignedInt(heads.getShort());
        int type = Short.toUnsignedInt(heads.getShort());
        long cookie = heads.getLong();
        long offset = heads.getLong();
        long length = Integer.toUnsignedLong(heads.getInt());
        if (magic != Nbd.REQUEST_MAGIC) {
            throw new ViolationException("a request without its magic number");
        }
        payloads = type == Nbd.CMD_WRITE;
        if (type == Nbd.CMD_DISC) {
            return false;
        }
        if (payloads && length > Nbd.MAX_PAYLOAD) {
            throw new ViolationException("a write of " + length + " bytes");
        }
        request.begin(type, flags, cookie, offset, length);
        request.fail(check(request));
        if (request.error == 0 && (payloads || type == Nbd.CMD_READ)) {
            request.fail(pool.provide(request, length));
        }
        if (payloads) {
            ByteBuffer payload = request.error == 0 ? request.payload : null;
            if (!(payload == null ? skip(length) : receivePayload(payload, (int) length))) {
                return false;
            }
        }
        handover.accept(request);
        return true;
    }

    /// What is wrong with a request, 0 if nothing is.
    private int check(Request request) {
        int known =
                switch (request.type) {
                    case Nbd.CMD_READ -> Nbd.CMD_FLAG_FUA | Nbd.CMD_FLAG_DF;
                    case Nbd.CMD_WRITE_ZEROES -> Nbd.CMD_FLAG_FUA | Nbd.CMD_FLAG_NO_HOLE;
                    case Nbd.CMD_BLOCK_STATUS -> Nbd.CMD_FLAG_FUA | Nbd.CMD_FLAG_REQ_ONE;
                    default -> Nbd.CMD_FLAG_FUA;
                };
        if ((request.flags & ~known) != 0) {
            return Nbd.EINVAL;
        }
        return switch (request.type) {
            case Nbd.CMD_READ ->
                    request.length > Nbd.MAX_PAYLOAD ? Nbd.EINVAL : checkRange(request, true);
            case Nbd.CMD_WRITE -> profile.readOnly() ? Nbd.EPERM : checkRange(request, true);
            case Nbd.CMD_FLUSH -> request.offset == 0 && request.length == 0 ? 0 : Nbd.EINVAL;
            case Nbd.CMD_TRIM -> checkWithout(request, profile.canTrim());
            case Nbd.CMD_WRITE_ZEROES -> checkWithout(request, profile.canWriteZeroes());
            case Nbd.CMD_BLOCK_STATUS -> blockStatus ? checkRange(request, false) : Nbd.EINVAL;
            default -> Nbd.EINVAL;
        };
    }

    private int checkWithout(Request request, boolean can) {
        if (profile.readOnly()) {
            return Nbd.EPERM;
        }
        return can ? checkRange(request, true) : Nbd.EINVAL;
    }

    private int checkRange(Request request, boolean aligned) {
        long offset = request.offset;
        long length = request.length;
        if (length == 0) {
            return Nbd.EINVAL;
        }
        if (offset < 0 || length > profile.size() || offset > profile.size() - length) {
            return request.type == Nbd.CMD_WRITE || request.type == Nbd.CMD_WRITE_ZEROES
                    ? Nbd.ENOSPC
                    : Nbd.EINVAL;
        }
        return aligned && ((offset | length) & (profile.blockSize() - 1)) != 0 ? Nbd.EINVAL : 0;
    }

    /// Reads a payload into the device's memory, and as much of the next head as comes with it.
    ///
    /// @return false if the connection stops before
    private boolean receivePayload(ByteBuffer payload, int length) throws IOException {
        payload.clear().limit(length);
        takeOver(payload);
        if (!payload.hasRemaining()) {
            return true;
        }
        heads.clear().limit(Nbd.REQUEST_BYTES);
        payloadAndHead[0] = payload;
        try {
            while (payload.hasRemaining()) {
                long got = wire.receive(payloadAndHead);
                if (got < 0) {
                    throw new EOFException("the client went amid a write");
                }
                if (isStopping()) {
                    return false;
                }
                if (got == 0) {
                    awaitReadable();
                }
            }
        } finally {
            heads.flip();
        }
        return true;
    }

    /// What came together with the head.
    private void takeOver(ByteBuffer payload) {
        int there = Math.min(heads.remaining(), payload.remaining());
        if (there > 0) {
            int limit = heads.limit();
            payload.put(heads.limit(heads.position() + there));
            heads.limit(limit);
        }
    }

    /// Reads over a payload that nobody wants.
    private boolean skip(long length) throws IOException {
        long left = length;
        while (true) {
            int there = (int) Math.min(heads.remaining(), left);
            heads.position(heads.position() + there);
            left -= there;
            if (left == 0) {
                return true;
            }
            heads.clear().limit((int) Math.min(heads.capacity(), left));
            int got = wire.receive(heads);
            heads.flip();
            if (got < 0) {
                throw new EOFException("the client went amid a write");
            }
            if (isStopping()) {
                return false;
            }
            if (got == 0) {
                awaitReadable();
            }
        }
    }
}
