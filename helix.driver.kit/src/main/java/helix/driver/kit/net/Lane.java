package helix.driver.kit.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// A queue in each direction with a pool of its own, and what is done with them again and again.
final class Lane {
    private static final long LOOK = 1_000_000;
    private static final long STALE = 3 * LOOK;

    final NetworkDevice device;
    final NetPeer peer;
    final int depth;
    final long patience;
    final FramePool rxPool;
    final FramePool txPool;
    final RxQueue rx;
    final TxQueue tx;
    final Burst in;
    final Burst out;

    Lane(NetworkDevice device, NetworkDeviceKit.Setup setup, int frames) {
        this.device = device;
        this.peer = setup.peer();
        this.depth = setup.depth();
        this.patience = setup.patience();
        drainPeer();
        rxPool = pool(device, frames);
        txPool = pool(device, frames);
        rx = device.openRx(new NetQueueOptions(0, depth, false, false), rxPool);
        tx = device.openTx(new NetQueueOptions(0, depth, false, false), txPool);
        in = new Burst(frames);
        out = new Burst(frames);
        // The first call lets the device have frames.
        int _ = rx.receive(in);
        while (receiveOrNull(STALE) != null) {
            // Of an earlier case.
        }
    }

    static FramePool pool(NetworkDevice device, int frames) {
        int size = (FramePool.HEADROOM + device.limits().maxFrame() + 63) / 64 * 64 + 64;
        return new FramePool(device.allocate((long) frames * size), size);
    }

    private void drainPeer() {
        while (peer.take(0) != null) {
            // Of an earlier case.
        }
    }

    // ---- Sending

    /// Adds a frame to what is to be sent, in pieces of a size.
    void add(byte[] frame, int piece) {
        for (int at = 0; at < frame.length; at += piece) {
            int length = Math.min(piece, frame.length - at);
            int number = take();
            MemorySegment.copy(
                    frame, at, txPool.segment(), ValueLayout.JAVA_BYTE, txPool.at(number), length);
            out.add(number, length, at + length < frame.length ? Burst.MORE : 0);
        }
    }

    void add(byte[] frame) {
        add(frame, frame.length);
    }

    private int take() {
        long end = System.nanoTime() + patience;
        while (true) {
            int number = txPool.take();
            if (number >= 0) {
                return number;
            }
            NetCases.that(
                    System.nanoTime() - end < 0, "no frame came back to the pool after sending");
            flush();
            int _ = tx.reclaim();
        }
    }

    /// Sends all that was added.
    void flush() {
        long end = System.nanoTime() + patience;
        while (out.size() > 0) {
            int before = out.size();
            int taken = tx.send(out);
            NetCases.equal(before - taken, out.size(), "entries left after a send");
            NetCases.that(
                    taken > 0 || System.nanoTime() - end < 0, "the device takes no more frames");
            if (taken == 0) {
                int _ = tx.reclaim();
            }
        }
    }

    /// Waits until everything that was sent has come back to the pool.
    void settle() {
        long end = System.nanoTime() + patience;
        while (tx.inFlight() > 0) {
            int _ = tx.reclaim();
            NetCases.that(System.nanoTime() - end < 0, tx.inFlight() + " frames are not sent");
        }
        NetCases.equal(txPool.count(), txPool.available(), "frames of the sending pool");
    }

    /// The next of the cases' frames that the peer gets.
    byte[] takeFromPeer(String what) {
        long end = System.nanoTime() + patience;
        while (true) {
            byte[] frame = peer.take(Math.max(0, end - System.nanoTime()));
            if (frame == null) {
                throw new AssertionError(what + ": nothing came out of the device");
            }
            if (Frames.isOurs(frame)) {
                return frame;
            }
        }
    }

    /// Nothing more came out of the device.
    void peerGotNoMore(String what) {
        byte[] frame = peer.take(20 * LOOK);
        NetCases.that(frame == null || !Frames.isOurs(frame), what + ": a frame too many came out");
    }

    // ---- Receiving

    /// The next of the cases' frames that the device received.
    byte[] receive(String what) {
        byte[] frame = receiveOrNull(patience);
        if (frame == null) {
            throw new AssertionError(what + ": nothing was received");
        }
        return frame;
    }

    byte @org.jspecify.annotations.Nullable [] receiveOrNull(long nanos) {
        long end = System.nanoTime() + nanos;
        while (true) {
            if (in.size() == 0 && rx.receive(in) == 0) {
                if (System.nanoTime() - end >= 0) {
                    return null;
                }
                boolean _ = rx.await(LOOK);
                continue;
            }
            byte[] frame = first();
            if (Frames.isOurs(frame)) {
                return frame;
            }
        }
    }

    private byte[] first() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        boolean more = true;
        int entries = 0;
        while (more) {
            NetCases.that(entries < in.size(), "a received frame is not whole in its burst");
            int frame = in.frame(entries);
            int length = in.length(entries);
            NetCases.that(
                    length >= 0 && length <= rxPool.capacity(), "an entry of " + length + " bytes");
            byte[] piece =
                    rxPool.segment()
                            .asSlice(rxPool.at(frame), length)
                            .toArray(ValueLayout.JAVA_BYTE);
            bytes.writeBytes(piece);
            rxPool.give(frame);
            more = (in.flags(entries) & Burst.MORE) != 0;
            entries++;
        }
        in.dropFirst(entries);
        return bytes.toByteArray();
    }

    void receivedNoMore(String what) {
        NetCases.that(receiveOrNull(20 * LOOK) == null, what + ": a frame too many was received");
    }

    private void giveBack(Burst burst) {
        for (int i = 0; i < burst.size(); i++) {
            rxPool.give(burst.frame(i));
        }
        burst.clear();
    }

    // ---- The end

    /// Closes the queues; then every frame has to be in its pool.
    void close(boolean strict) {
        giveBack(in);
        for (int i = 0; i < out.size(); i++) {
            txPool.give(out.frame(i));
        }
        out.clear();
        rx.close();
        tx.close();
        // A queue whose frames the device still had gives them back when it is looked at again.
        rx.close();
        boolean rxBack = rxPool.available() == rxPool.count();
        boolean txBack = txPool.available() == txPool.count();
        rxPool.close();
        txPool.close();
        if (strict) {
            NetCases.that(
                    rxBack,
                    rxPool.available()
                            + " of "
                            + rxPool.count()
                            + " frames to receive into came back");
            NetCases.that(
                    txBack,
                    txPool.available() + " of " + txPool.count() + " frames to send came back");
        }
    }
}
