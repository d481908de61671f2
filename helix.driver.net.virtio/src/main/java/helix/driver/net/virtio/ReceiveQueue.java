package helix.driver.net.virtio;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.RxQueue;
import java.lang.foreign.MemorySegment;

/// A queue of frames received: VIRTIO 1.2, sections 5.1.6.3 and 5.1.6.4.
///
/// Each buffer is one frame of the pool, header and data in one piece. A frame that the device put
/// into several buffers (MRG_RXBUF) is gathered in `pieces` until it is whole and the burst has
/// room for it; the further buffers have no header, so their data is moved to where data begins.
final class ReceiveQueue extends DeviceQueue implements RxQueue {
    /// `sizeof(struct ethhdr)`: less cannot be a frame.
    static final int LEAST_FRAME = 14;

    private static final int MOST_BATCH = 32;

    private final Counter frames = new Counter();
    private final Counter bytes = new Counter();
    private final Counter errors = new Counter();
    private final Counter noBuffer = new Counter();

    private final boolean mergeable;
    private final boolean checksums;

    /// How much the device may write into a buffer. With MRG_RXBUF the data of all but the first
    /// moves up by a header's length, so that it must be less by that.
    private final int bufferBytes;

    private final int batch;

    // The frame that is being gathered, or waits for room.
    private final int[] pieces;
    private final int[] lengths;
    private int needed;
    private int gathered;
    private int firstBits;

    private boolean dry;

    // What one call counts.
    private long newFrames;
    private long newBytes;
    private long newErrors;

    ReceiveQueue(Adapter adapter, Shape shape, FramePool pool) {
        super(adapter, shape, pool);
        mergeable = (adapter.features() & NetFeature.MRG_RXBUF) != 0;
        checksums = (adapter.features() & NetFeature.GUEST_CSUM) != 0;
        bufferBytes = pool.capacity() + (mergeable ? 0 : NetHeader.BYTES);
        batch = Math.max(1, Math.min(MOST_BATCH, depth / 4));
        pieces = new int[depth];
        lengths = new int[depth];
    }

    /// Goes on with what the generation before had.
    void restore(QueueState saved) {
        ring.forEachInFlight(this::own);
        needed = saved.needed();
        gathered = saved.frames().length;
        firstBits = saved.bits();
        for (int i = 0; i < gathered; i++) {
            pieces[i] = saved.frames()[i];
            lengths[i] = saved.numbers()[i];
            own(pieces[i]);
        }
    }

    /// What is being gathered, for the next generation.
    QueueState save() {
        int[] frameNumbers = new int[gathered];
        int[] bytesOf = new int[gathered];
        System.arraycopy(pieces, 0, frameNumbers, 0, gathered);
        System.arraycopy(lengths, 0, bytesOf, 0, gathered);
        return new QueueState(
                index, depth, sleeps, pool.count(), needed, firstBits, frameNumbers, bytesOf);
    }

    /// Lets the device have frames, at the beginning.
    void begin() {
        ring.disableInterrupts();
        fill();
    }

    @Override
    public int receive(Burst burst) {
        if (state() != OPEN) {
            settle();
            return 0;
        }
        int before = burst.size();
        newFrames = 0;
        newBytes = 0;
        newErrors = 0;
        try {
            take(burst);
            fill();
        } catch (RuntimeException e) {
            lost(e);
        }
        if (newFrames > 0) {
            frames.add(newFrames);
            bytes.add(newBytes);
        }
        if (newErrors > 0) {
            errors.add(newErrors);
        }
        if (burst.size() == before) {
            // Whoever asks again at once takes cache lines from a device that is about to write
            // them, or the core from one that shares it.
            Thread.onSpinWait();
        }
        return burst.size() - before;
    }

    private void take(Burst burst) {
        while (burst.room() > 0) {
            if (needed > 0 && gathered == needed) {
                if (!deliver(burst)) {
                    return;
                }
            } else if (next()) {
                used(burst);
            } else {
                return;
            }
        }
    }

    /// A buffer was used. What the device says of it is not believed.
    private void used(Burst burst) {
        int frame = ring.token();
        int written = ring.written();
        int length = written - NetHeader.BYTES;
        if (needed == 0
                && length >= LEAST_FRAME
                && written <= bufferBytes
                && owns(frame)
                && NetHeader.saysNothing(memory, pool.at(frame), mergeable)) {
            // Most are like this.
            disown(frame);
            burst.add(frame, length, 0);
            newFrames++;
            newBytes += length;
        } else {
            unusual(frame, written);
        }
    }

    private void unusual(int frame, int written) {
        if (!owns(frame)) {
            breakDown("a buffer of frame " + frame + " was used, which it does not have");
        } else if (written > bufferBytes) {
            breakDown(written + " bytes were written into a buffer of " + bufferBytes);
        } else if (needed > 0) {
            further(frame, written);
        } else {
            first(frame, written);
        }
    }

    private void first(int frame, int written) {
        long data = pool.at(frame);
        int length = written - NetHeader.BYTES;
        if (length < 0) {
            refuse(frame);
            return;
        }
        int bits = NetHeader.first(memory, data);
        int buffers = mergeable ? NetHeader.buffers(memory, data) : 1;
        if (buffers == 0) {
            refuse(frame);
        } else if (buffers > depth) {
            breakDown(buffers + " buffers for one frame, of " + depth);
        } else if (buffers > 1) {
            needed = buffers;
            firstBits = bits;
            gather(frame, length);
        } else if (length < LEAST_FRAME || NetHeader.gso(bits) != NetHeader.GSO_NONE) {
            refuse(frame);
        } else {
            needed = 1;
            firstBits = bits;
            gather(frame, length);
        }
    }

    private void further(int frame, int written) {
        long data = pool.at(frame);
        MemorySegment.copy(memory, data - NetHeader.BYTES, memory, data, written);
        gather(frame, written);
    }

    private void gather(int frame, int length) {
        pieces[gathered] = frame;
        lengths[gathered] = length;
        gathered++;
    }

    /// Gives a whole frame to the client, or back to the pool if it cannot be right.
    ///
    /// @return false if it has to wait for room
    private boolean deliver(Burst burst) {
        if (burst.room() < needed && burst.capacity() >= needed) {
            return false;
        }
        int total = 0;
        for (int i = 0; i < gathered; i++) {
            total += lengths[i];
        }
        int flag = burst.room() < needed ? -1 : flag(total);
        if (flag < 0) {
            for (int i = 0; i < gathered; i++) {
                disown(pieces[i]);
                pool.give(pieces[i]);
            }
            newErrors++;
        } else {
            for (int i = 0; i < gathered; i++) {
                disown(pieces[i]);
                burst.add(pieces[i], lengths[i], i < gathered - 1 ? flag | Burst.MORE : flag);
            }
            newFrames++;
            newBytes += total;
        }
        needed = 0;
        gathered = 0;
        return true;
    }

    /// What the client is told of a frame.
    ///
    /// @return flags of [Burst], negative if the header cannot be right
    private int flag(int total) {
        int known = NetHeader.F_NEEDS_CSUM | NetHeader.F_DATA_VALID;
        int flags = NetHeader.flags(firstBits);
        if (total < LEAST_FRAME
                || NetHeader.gso(firstBits) != NetHeader.GSO_NONE
                || (flags & ~known) != 0
                || (flags != 0 && !checksums)) {
            return -1;
        }
        if ((flags & NetHeader.F_NEEDS_CSUM) == 0) {
            return flags == 0 ? 0 : Burst.CHECKSUM;
        }
        // The sender left it to the network, which was none: what is given on must be whole.
        long data = pool.at(pieces[0]);
        int start = NetHeader.checksumStart(memory, data);
        int offset = NetHeader.checksumOffset(memory, data);
        return Checksum.complete(memory, pool, pieces, lengths, gathered, start, offset)
                ? Burst.CHECKSUM
                : -1;
    }

    private void refuse(int frame) {
        disown(frame);
        pool.give(frame);
        newErrors++;
    }

    /// Lets the device have free frames, several at a time.
    private void fill() {
        int have = ring.inFlight();
        if (state() != OPEN || (depth - have < batch && have > 0)) {
            return;
        }
        int given = 0;
        while (have + given < depth) {
            int frame = pool.take();
            if (frame < 0) {
                break;
            }
            own(frame);
            if (!ring.submitOne(headers + pool.at(frame), bufferBytes, true, frame)) {
                disown(frame);
                pool.give(frame);
                break;
            }
            given++;
        }
        if (given > 0) {
            if (ring.kick()) {
                adapter.rang(index);
            }
            dry = false;
        } else if (have == 0 && !dry) {
            dry = true;
            noBuffer.add(1);
        }
    }

    @Override
    boolean isReady() {
        return (needed > 0 && gathered == needed) || super.isReady();
    }

    @Override
    void forget() {
        needed = 0;
        gathered = 0;
    }

    /// A frame that was taken from the ring and not given to the client yet is gathered with those
    /// that are.
    @Override
    void prepareToPass() {
        if (!takeStashed()) {
            return;
        }
        int frame = ring.token();
        int written = ring.written();
        if (!owns(frame) || written > bufferBytes) {
            breakDown("a buffer of frame " + frame + " was used with " + written + " bytes");
        } else if (needed > 0) {
            further(frame, written);
        } else if (written < NetHeader.BYTES) {
            refuse(frame);
            errors.add(1);
        } else {
            long data = pool.at(frame);
            needed = mergeable ? NetHeader.buffers(memory, data) : 1;
            firstBits = NetHeader.first(memory, data);
            gather(frame, written - NetHeader.BYTES);
            if (needed == 0 || needed > depth) {
                breakDown(needed + " buffers for one frame, of " + depth);
            }
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

    long noBuffer() {
        return noBuffer.get();
    }
}
