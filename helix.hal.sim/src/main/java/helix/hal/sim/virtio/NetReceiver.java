package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The receiving half of a network card: frames from the wire into the driver's buffers. VIRTIO
/// 1.2, sections 5.1.6.3, 5.1.6.4 and 5.1.6.5.6.
final class NetReceiver implements Offload.Sink {
    private static final int BUDGET = 256;
    private static final int FLOWS = 256;
    private static final int ETHERNET = 14;

    private final NetDevice card;
    private final FrameQueue inbox;
    private final NetFilter filter;
    private final NetFaults faults;
    private final Offload offload = new Offload();
    private final Chain chain = new Chain();

    /// Which pair a flow was sent on last.
    private final byte[] flows = new byte[FLOWS];

    private final boolean[] begun;
    private final int[] taken;
    private int[] ids = new int[64];
    private int[] counts = new int[64];
    private long[] lengths = new long[64];

    private boolean mergeable;
    private boolean checksum;
    private boolean tso4;
    private boolean tso6;
    private int queue;
    private boolean starving;

    /// How many frames that were cut out of the one at hand have found their buffers, since it is
    /// cut again when there are more.
    private int passed;

    private int skip;

    NetReceiver(NetDevice card, FrameQueue inbox, NetFilter filter, NetFaults faults, int pairs) {
        this.card = card;
        this.inbox = inbox;
        this.filter = filter;
        this.faults = faults;
        begun = new boolean[pairs];
        taken = new int[pairs];
    }

    void negotiated(long features) {
        mergeable = (features & NetDevice.F_MRG_RXBUF) != 0;
        checksum = (features & NetDevice.F_GUEST_CSUM) != 0;
        tso4 = (features & NetDevice.F_GUEST_TSO4) != 0;
        tso6 = (features & NetDevice.F_GUEST_TSO6) != 0;
    }

    void reset() {
        Arrays.fill(flows, (byte) 0);
        passed = 0;
        mergeable = false;
        checksum = false;
        tso4 = false;
        tso6 = false;
    }

    void queueReset() {
        passed = 0;
    }

    /// Remembers which pair a flow is on, 5.1.6.5.6.
    void sentOn(int pair, MemorySegment memory, Chain sent) {
        if (begun.length > 1 && sent.readableBytes() >= NetHeader.BYTES + ETHERNET + 20) {
            flows[flow(memory, sent)] = (byte) pair;
        }
    }

    private static int flow(MemorySegment memory, Chain sent) {
        int hash = 0;
        for (int i = 12; i < 16; i++) {
            hash += sent.byteAt(memory, NetHeader.BYTES + ETHERNET + i);
            hash += sent.byteAt(memory, NetHeader.BYTES + ETHERNET + i + 4);
        }
        return hash & FLOWS - 1;
    }

    /// The same for both directions: source and destination count alike.
    private static int flow(MemorySegment frame, long at) {
        int hash = 0;
        for (int i = 12; i < 20; i++) {
            hash += Wire.u8(frame, at + ETHERNET + i);
        }
        return hash & FLOWS - 1;
    }

    /// Receives what is there.
    ///
    /// @return how much was done
    int work() {
        int frames = receive();
        end();
        return frames;
    }

    private int receive() {
        int frames = 0;
        starving = false;
        while (frames < BUDGET) {
            int at = inbox.peek();
            if (at < 0) {
                break;
            }
            int length = inbox.length(at) - NetHeader.BYTES;
            MemorySegment bytes = inbox.bytes();
            long frame = (long) at + NetHeader.BYTES;
            if (length > 0 && card.isLinkUp() && filter.passes(bytes, frame, length)) {
                queue = length >= ETHERNET + 20 ? flows[flow(bytes, frame)] : 0;
                queue = queue < card.pairs() ? queue : 0;
                skip = passed;
                if (!offload.pass(bytes, at, length, checksum, tso4, tso6, this)) {
                    break;
                }
            }
            passed = 0;
            inbox.remove(at);
            frames++;
        }
        return frames;
    }

    private void end() {
        for (int i = 0; i < begun.length; i++) {
            if (begun[i]) {
                begun[i] = false;
                card.model().queue(2 * i).endSupply(taken[i], starving && queue == i);
                taken[i] = 0;
            } else if (card.model().queue(2 * i).isLate()) {
                card.model().queue(2 * i).endSupply(0, false);
            }
        }
    }

    @Override
    public boolean accept(MemorySegment from, long header, int length) {
        if (starving) {
            return false;
        }
        if (skip > 0) {
            skip--;
            return true;
        }
        VirtQueue into = card.model().queue(2 * queue);
        if (!begun[queue]) {
            if (!into.begin()) {
                passed++;
                return true; // there is no such queue: lost
            }
            begun[queue] = true;
        }
        if (faults.drops() || put(into, from, header, faults.length(NetHeader.BYTES + length))) {
            passed++;
            return true;
        }
        starving = true;
        return false;
    }

    /// Puts a frame into as many buffers as it takes.
    ///
    /// @param bytes of header and frame
    /// @return false if there are not enough buffers now
    private boolean put(VirtQueue into, MemorySegment from, long header, int bytes) {
        MemorySegment memory = card.model().device().dma().memory();
        long mark = into.mark();
        long done = 0;
        int buffers = 0;
        long numBuffers = -1;
        while (done < bytes) {
            // Where it ends, the driver is asked to say when there is more.
            if (!into.take(chain) && !(into.starve() && into.take(chain))) {
                into.rewind(mark);
                return false;
            }
            if (chain.writableBytes() < NetHeader.BYTES || chain.readable() > 0) {
                card.model()
                        .device()
                        .violation(
                                "a receive buffer holds a header (VIRTIO 1.2, 5.1.6.3.1)",
                                chain.writableBytes() + " bytes");
                card.model().cannotGoOn();
                return true;
            }
            long now = Math.min(bytes - done, chain.writableBytes());
            // Beyond the frame, for one that is made too long, there is whatever is there.
            long source = Math.min(header + done, from.byteSize() - now);
            long _ = chain.copyIn(memory, 0, from, source, now);
            if (buffers == 0) {
                numBuffers = chain.offset(0);
                if (chain.length(0) < NetHeader.BYTES) {
                    numBuffers = -1;
                }
            }
            remember(buffers++, now);
            done += now;
            if (done < bytes && !mergeable) {
                // 5.1.6.4: one buffer is all there is for it.
                into.rewind(mark);
                return true;
            }
        }
        number(memory, numBuffers, faults.numBuffers(buffers));
        for (int i = 0; i < buffers; i++) {
            into.complete(ids[i], lengths[i], counts[i]);
        }
        taken[queue] += buffers;
        return true;
    }

    private void remember(int at, long written) {
        if (at == ids.length) {
            ids = Arrays.copyOf(ids, 2 * at);
            counts = Arrays.copyOf(counts, 2 * at);
            lengths = Arrays.copyOf(lengths, 2 * at);
        }
        ids[at] = chain.id;
        counts[at] = chain.descriptors;
        lengths[at] = written;
    }

    /// The header's field that only the receiver knows; flags are what the driver takes.
    private void number(MemorySegment memory, long header, int buffers) {
        if (header >= 0) {
            Wire.put16(memory, header + NetHeader.NUM_BUFFERS, buffers);
        }
    }
}
