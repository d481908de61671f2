package helix.driver.net.virtio;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetworkLimits;
import helix.driver.api.net.TxQueue;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A queue of frames to send: VIRTIO 1.2, sections 5.1.6.1 and 5.1.6.2.
///
/// A frame's first entry gives one piece, header and data; each further entry another. The token is
/// the first entry's frame; the others hang on it by `following`.
final class TransmitQueue extends DeviceQueue implements TxQueue {
    private static final int NONE = -1;

    private final Counter frames = new Counter();
    private final Counter bytes = new Counter();
    private final Counter errors = new Counter();
    private final NetworkLimits limits;

    /// By frame: the next of the same Ethernet frame.
    private final int[] following;

    /// The most bytes of a frame that is one entry.
    private final int mostPlain;

    /// Ethernet frames that the device has.
    private int inFlight;

    TransmitQueue(Adapter adapter, Shape shape, FramePool pool) {
        super(adapter, shape, pool);
        limits = adapter.limits();
        mostPlain = Math.min(limits.maxFrame(), pool.capacity());
        following = new int[pool.count()];
        Arrays.fill(following, NONE);
    }

    /// Goes on with what the generation before had.
    void restore(QueueState saved) {
        inFlight = ring.inFlight();
        for (int i = 0; i < saved.frames().length; i++) {
            own(saved.frames()[i]);
            following[saved.frames()[i]] = saved.numbers()[i];
        }
    }

    /// The frames that the device has and how they hang together, for the next generation.
    QueueState save() {
        int[] mine = new int[ownedCount()];
        int[] next = new int[mine.length];
        int n = 0;
        for (int frame = 0; frame < following.length; frame++) {
            if (owns(frame)) {
                mine[n] = frame;
                next[n++] = following[frame];
            }
        }
        return new QueueState(index, depth, sleeps, pool.count(), 0, 0, mine, next);
    }

    void begin() {
        ring.disableInterrupts();
    }

    @Override
    public int send(Burst burst) {
        if (state() != OPEN) {
            settle();
            return 0;
        }
        int taken = 0;
        long newFrames = 0;
        long newBytes = 0;
        String refusal = null;
        try {
            if (inFlight >= depth / 2) {
                reap();
            }
            int size = burst.size();
            while (taken < size) {
                int length = burst.length(taken);
                if (burst.flags(taken) == 0 && isPlain(burst.frame(taken), length)) {
                    if (!putPlain(burst.frame(taken), length)) {
                        break;
                    }
                    newBytes += length;
                    newFrames++;
                    taken++;
                    continue;
                }
                int entries = entries(burst, taken);
                refusal = refusal(burst, taken, entries);
                if (refusal != null || !room(entries)) {
                    break;
                }
                newBytes += put(burst, taken, entries);
                newFrames++;
                taken += entries;
            }
            if (taken > 0 && ring.kick()) {
                adapter.rang(index);
            }
        } catch (RuntimeException e) {
            lost(e);
        }
        if (newFrames > 0) {
            frames.add(newFrames);
            bytes.add(newBytes);
            burst.dropFirst(taken);
        }
        if (refusal != null) {
            errors.add(1);
            throw new IllegalArgumentException(refusal);
        }
        return taken;
    }

    /// Whether nothing is wrong with a frame of one entry that asks for nothing.
    private boolean isPlain(int frame, int length) {
        return length >= ReceiveQueue.LEAST_FRAME
                && length <= mostPlain
                && frame >= 0
                && frame < following.length
                && !owns(frame);
    }

    /// Puts such a frame into the ring.
    ///
    /// @return false if there is no room
    private boolean putPlain(int frame, int length) {
        NetHeader.plain(memory, pool.at(frame));
        return submitPlain(frame, length)
                || (reap() > 0 && state() == OPEN && submitPlain(frame, length));
    }

    private boolean submitPlain(int frame, int length) {
        if (inFlight >= depth) {
            return false;
        }
        own(frame);
        if (!ring.submitOne(headers + pool.at(frame), length + NetHeader.BYTES, false, frame)) {
            disown(frame);
            return false;
        }
        inFlight++;
        return true;
    }

    /// How many entries the frame has that begins at one.
    private static int entries(Burst burst, int from) {
        int last = from;
        while (last < burst.size() && (burst.flags(last) & Burst.MORE) != 0) {
            last++;
        }
        return last - from + 1;
    }

    /// Why a frame cannot be sent, null if it can.
    private @Nullable String refusal(Burst burst, int from, int entries) {
        int flags = burst.flags(from);
        if (from + entries > burst.size()) {
            return "the last frame is not whole";
        }
        if (entries > limits.maxSegments()) {
            return entries + " entries for a frame, of " + limits.maxSegments();
        }
        int offloads = flags & (Burst.CHECKSUM | Burst.TSO4 | Burst.TSO6);
        if ((offloads & ~limits.offloads()) != 0) {
            return "the device does not compute what is asked for: "
                    + Integer.toHexString(offloads);
        }
        long total = 0;
        for (int i = from; i < from + entries; i++) {
            int length = burst.length(i);
            if (length < 1 || length > pool.capacity()) {
                return "an entry of " + length + " bytes, of " + pool.capacity();
            }
            if (burst.frame(i) < 0 || burst.frame(i) >= pool.count() || owns(burst.frame(i))) {
                return "frame " + burst.frame(i) + " is not the sender's";
            }
            total += length;
        }
        return offloads == 0 ? unlessFits(total) : offloadRefusal(burst, from, total);
    }

    private @Nullable String unlessFits(long total) {
        return total < ReceiveQueue.LEAST_FRAME || total > limits.maxFrame()
                ? "a frame of %d bytes, not %d to %d"
                        .formatted(total, ReceiveQueue.LEAST_FRAME, limits.maxFrame())
                : null;
    }

    /// Section 5.1.6.2.1: what the header says must lie in the frame.
    private @Nullable String offloadRefusal(Burst burst, int from, long total) {
        int field = burst.checksumStart(from) + burst.checksumOffset(from);
        if (field + 2 > total) {
            return "a checksum at %d in a frame of %d bytes".formatted(field, total);
        }
        if ((burst.flags(from) & (Burst.TSO4 | Burst.TSO6)) == 0) {
            return unlessFits(total);
        }
        int headers = burst.headers(from);
        if (burst.segmentSize(from) == 0
                || headers < ReceiveQueue.LEAST_FRAME
                || headers > total
                || total > Adapter.MOST_TO_CUT) {
            return "a frame of %d bytes to be cut after %d into pieces of %d"
                    .formatted(total, headers, burst.segmentSize(from));
        }
        return null;
    }

    private boolean room(int entries) {
        if (inFlight < depth && ring.begin(entries)) {
            return true;
        }
        return reap() > 0 && state() == OPEN && inFlight < depth && ring.begin(entries);
    }

    private int put(Burst burst, int from, int entries) {
        int first = burst.frame(from);
        header(burst, from, pool.at(first));
        int total = burst.length(from);
        own(first);
        ring.out(pool.address(first) - NetHeader.BYTES, total + NetHeader.BYTES);
        int before = first;
        for (int i = from + 1; i < from + entries; i++) {
            int frame = burst.frame(i);
            own(frame);
            following[before] = frame;
            before = frame;
            ring.out(pool.address(frame), burst.length(i));
            total += burst.length(i);
        }
        following[before] = NONE;
        ring.submit(first);
        inFlight++;
        return total;
    }

    private void header(Burst burst, int from, long data) {
        int flags = burst.flags(from) & (Burst.CHECKSUM | Burst.TSO4 | Burst.TSO6);
        if (flags == 0) {
            NetHeader.plain(memory, data);
            return;
        }
        NetHeader.checksum(memory, data, burst.checksumStart(from), burst.checksumOffset(from));
        if ((flags & (Burst.TSO4 | Burst.TSO6)) != 0) {
            int gso = (flags & Burst.TSO4) != 0 ? NetHeader.GSO_TCPV4 : NetHeader.GSO_TCPV6;
            NetHeader.cut(memory, data, gso, burst.headers(from), burst.segmentSize(from));
        }
    }

    @Override
    public int reclaim() {
        if (state() != OPEN) {
            int before = inFlight;
            settle();
            return before - inFlight;
        }
        try {
            return reap();
        } catch (RuntimeException e) {
            lost(e);
            return 0;
        }
    }

    private int reap() {
        int count = 0;
        while (next()) {
            if (!sent(ring.token())) {
                break;
            }
            count++;
        }
        return count;
    }

    private boolean sent(int token) {
        if (!owns(token)) {
            breakDown("a buffer of frame " + token + " was used, which it does not have");
            return false;
        }
        int frame = token;
        while (frame != NONE) {
            int next = following[frame];
            if (next != NONE) {
                following[frame] = NONE;
            }
            disown(frame);
            pool.give(frame);
            frame = next;
        }
        inFlight--;
        return true;
    }

    @Override
    public int inFlight() {
        return inFlight;
    }

    @Override
    void forget() {
        inFlight = 0;
        Arrays.fill(following, NONE);
    }

    @Override
    void prepareToPass() {
        if (takeStashed()) {
            sent(ring.token());
        }
    }

    long frames() {
        return frames.get();
    }

    long bytes() {
        return bytes.get();
    }

    long errors() {
        return errors.get();
    }
}
