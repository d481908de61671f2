package helix.driver.kit.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.NetworkDevice;
import java.util.ArrayList;
import java.util.List;

/// What becomes of many frames: rings that wrap, pools that run dry.
final class RingCases {
    private final NetCases cases;

    RingCases(NetCases cases) {
        this.cases = cases;
    }

    void list() {
        cases.addLane("a burst larger than the ring is sent", RingCases::largeBurst);
        cases.addLane("the sending ring wraps", RingCases::sendWraps);
        cases.addLane("the receiving ring wraps", RingCases::receiveWraps);
        cases.addLane("a burst takes whole frames as it has room", RingCases::smallBurst);
        cases.addLane("a sending pool that ran dry recovers", RingCases::dryTx);
        cases.add("a receiving pool that ran dry recovers", null, this::dryRx);
        cases.addLane(
                "nothing is allocated for a frame",
                cases.setup().allocation() ? null : "allocation is not measured",
                Allocation::measure);
    }

    private static void largeBurst(Lane lane) {
        int count = 3 * lane.depth;
        for (int i = 0; i < count; i++) {
            lane.add(Frames.make(i, 60 + i));
        }
        lane.flush();
        for (int i = 0; i < count; i++) {
            Frames.check(lane.takeFromPeer("burst"), i, 60 + i, "sent in order");
        }
        lane.peerGotNoMore("burst");
        lane.settle();
    }

    private static void sendWraps(Lane lane) {
        int number = 0;
        for (int round = 0; round < 40; round++) {
            int count = 1 + round * 7 % lane.depth;
            for (int i = 0; i < count; i++) {
                lane.add(Frames.make(number + i, 64 + i));
            }
            lane.flush();
            for (int i = 0; i < count; i++) {
                Frames.check(lane.takeFromPeer("wrap"), number + i, 64 + i, "sent in order");
            }
            number += count;
        }
        lane.settle();
    }

    private static void receiveWraps(Lane lane) {
        int number = 0;
        for (int round = 0; round < 40; round++) {
            // No more than the device surely has buffers for.
            int count = 1 + round * 7 % Math.max(1, lane.rx.depth() / 2);
            for (int i = 0; i < count; i++) {
                lane.peer.deliver(Frames.make(number + i, 64 + i));
            }
            for (int i = 0; i < count; i++) {
                Frames.check(lane.receive("wrap"), number + i, 64 + i, "received in order");
            }
            number += count;
        }
        lane.receivedNoMore("wrap");
    }

    private static void smallBurst(Lane lane) {
        Burst two = new Burst(2);
        int count = lane.rx.depth() / 2;
        for (int i = 0; i < count; i++) {
            lane.peer.deliver(Frames.make(i, 100));
        }
        int seen = 0;
        long end = System.nanoTime() + lane.patience;
        while (seen < count) {
            int added = lane.rx.receive(two.clear());
            NetCases.equal(added, two.size(), "entries added");
            for (int i = 0; i < two.size(); i++) {
                lane.rxPool.give(two.frame(i));
            }
            seen += added;
            NetCases.that(System.nanoTime() - end < 0, seen + " of " + count + " frames came");
        }
        Burst full = new Burst(1).add(0, 0, 0);
        NetCases.equal(0, lane.rx.receive(full), "entries added to a full burst");
    }

    private static void dryTx(Lane lane) {
        List<Integer> mine = new ArrayList<>();
        int frame = lane.txPool.take();
        while (frame >= 0) {
            mine.add(frame);
            frame = lane.txPool.take();
        }
        NetCases.equal(lane.txPool.count(), mine.size(), "frames of a fresh pool");
        mine.forEach(lane.txPool::give);
        for (int i = 0; i < 3 * lane.txPool.count(); i++) {
            lane.add(Frames.make(i, 64));
            if (i % 4 == 3) {
                lane.flush();
                for (int k = i - 3; k <= i; k++) {
                    Frames.check(lane.takeFromPeer("dry"), k, 64, "sent in order");
                }
            }
        }
        lane.settle();
    }

    /// The pool has fewer frames than the queue holds; while the client keeps them all, the device
    /// has none.
    private void dryRx(NetworkDevice device) {
        Lane lane = new Lane(device, cases.setup(), 4);
        boolean passed = false;
        try {
            recover(lane);
            passed = true;
        } finally {
            lane.close(passed);
        }
    }

    private static void recover(Lane lane) {
        Burst held = new Burst(8);
        long end = System.nanoTime() + lane.patience;
        int number = 0;
        while (held.size() < 4) {
            lane.peer.deliver(Frames.make(number++, 100));
            int _ = lane.rx.await(1_000_000) ? lane.rx.receive(held) : 0;
            NetCases.that(System.nanoTime() - end < 0, "only " + held.size() + " of 4 frames came");
        }
        NetCases.equal(0, lane.rxPool.available(), "free frames");
        NetCases.equal(0, lane.rx.receive(held), "frames received without a buffer");
        for (int i = 0; i < held.size(); i++) {
            lane.rxPool.give(held.frame(i));
        }
        int last = 1_000_000;
        lane.receiveOrNull(0);
        byte[] frame = null;
        while (frame == null || frame.length != 200) {
            NetCases.that(System.nanoTime() - end < 0, "nothing is received any more");
            lane.peer.deliver(Frames.make(last, 200));
            frame = lane.receiveOrNull(10_000_000);
        }
        Frames.check(frame, last, 200, "received after the pool had run dry");
        while (lane.receiveOrNull(5_000_000) != null) {
            // Sent more than once above.
        }
    }
}
