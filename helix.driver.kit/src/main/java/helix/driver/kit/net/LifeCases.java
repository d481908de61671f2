package helix.driver.kit.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;

/// How queues begin and end, and what the device says of itself.
final class LifeCases {
    private final NetCases cases;

    LifeCases(NetCases cases) {
        this.cases = cases;
    }

    void list() {
        cases.add("the device says what it is", null, LifeCases::identity);
        cases.addLane("a queue is open once", LifeCases::openOnce);
        cases.add("there is no queue beyond the last", null, LifeCases::beyond);
        cases.addLane("closing gives back frames in flight", LifeCases::closeInFlight);
        cases.addLane("a queue can be opened again", LifeCases::reopen);
        cases.addLane("a closed queue moves nothing", LifeCases::closed);
        cases.addLane("plain calls leave a queue to its client", LifeCases::plainWhileOpen);
        cases.addLane("waiting ends in time, with a frame, or woken", LifeCases::waiting);
        cases.addLane("sleeping ends with a frame", LifeCases::sleeping);
        cases.add(
                "the link goes down and up",
                cases.setup().peer().hasLink() ? null : "the peer has no control of the link",
                this::link);
    }

    private static void identity(NetworkDevice device) {
        long mac = device.macAddress();
        NetCases.that(
                mac > 0 && mac >>> 48 == 0 && (mac >>> 40 & 1) == 0,
                Long.toHexString(mac) + " is no address of a single device");
        NetCases.that(device.mtu() >= 68, "an MTU of " + device.mtu());
        NetCases.that(
                device.limits().maxFrame() >= device.mtu() + 14,
                "frames of " + device.limits().maxFrame());
        NetCases.that(
                device.limits().rxQueues() > 0
                        && device.limits().txQueues() > 0
                        && device.limits().maxDepth() > 0
                        && device.limits().maxSegments() > 0,
                device.limits().toString());
        NetCases.that(device.linkSpeed() >= 0, "a speed of " + device.linkSpeed());
        NetCases.that(device.isLinkUp(), "the link is down");
    }

    private static void noQueue(String what, Runnable open) {
        try {
            open.run();
        } catch (NetworkException e) {
            NetCases.that(e.reason() == Reason.NO_QUEUE, what + ": " + e.reason());
            return;
        }
        throw new AssertionError(what + " was opened");
    }

    private static void openOnce(Lane lane) {
        NetQueueOptions same = new NetQueueOptions(0, lane.depth, false, false);
        noQueue("receiving queue 0 twice", () -> lane.device.openRx(same, lane.rxPool));
        noQueue("sending queue 0 twice", () -> lane.device.openTx(same, lane.txPool));
        NetCases.that(lane.rx.isOpen() && lane.tx.isOpen(), "the first queue is not open");
        NetCases.that(
                lane.rx.depth() >= 1 && lane.rx.depth() <= lane.depth, "depth " + lane.rx.depth());
        NetCases.that(lane.rx.pool() == lane.rxPool, "not the pool opened with");
    }

    private static void beyond(NetworkDevice device) {
        FramePool pool = Lane.pool(device, 4);
        try {
            int rx = device.limits().rxQueues();
            int tx = device.limits().txQueues();
            noQueue(
                    "receiving queue " + rx,
                    () -> device.openRx(new NetQueueOptions(rx, 4, false, false), pool));
            noQueue(
                    "sending queue " + tx,
                    () -> device.openTx(new NetQueueOptions(tx, 4, false, false), pool));
            NetCases.equal(pool.count(), pool.available(), "frames of the pool");
        } finally {
            pool.close();
        }
    }

    /// The lane's own end checks its pools.
    private static void closeInFlight(Lane lane) {
        for (int i = 0; i < lane.depth; i++) {
            lane.add(Frames.make(i, 64));
        }
        int _ = lane.tx.send(lane.out);
        NetCases.that(lane.rxPool.available() < lane.rxPool.count(), "no frame waits to receive");
        lane.peer.deliver(Frames.make(1, 64));
    }

    private static void reopen(Lane lane) {
        for (int round = 0; round < 3; round++) {
            lane.rx.close();
            lane.tx.close();
            lane.rx.close();
            NetQueueOptions options = new NetQueueOptions(0, lane.depth, false, false);
            RxQueue rx = lane.device.openRx(options, lane.rxPool);
            TxQueue tx = lane.device.openTx(options, lane.txPool);
            exchange(lane, rx, tx, round);
            rx.close();
            tx.close();
            rx.close();
            NetCases.equal(lane.rxPool.count(), lane.rxPool.available(), "frames to receive into");
            NetCases.equal(lane.txPool.count(), lane.txPool.available(), "frames to send");
        }
    }

    private static void exchange(Lane lane, RxQueue rx, TxQueue tx, int number) {
        Burst burst = new Burst(4);
        int _ = rx.receive(burst);
        lane.add(Frames.make(number, 80));
        long end = System.nanoTime() + lane.patience;
        while (lane.out.size() > 0) {
            int _ = tx.send(lane.out);
            NetCases.that(System.nanoTime() - end < 0, "a queue opened again takes no frame");
        }
        Frames.check(lane.takeFromPeer("reopened"), number, 80, "sent");
        boolean came = false;
        while (!came) {
            lane.peer.deliver(Frames.make(number, 90));
            came = rx.await(10_000_000) && rx.receive(burst.clear()) > 0;
            for (int i = 0; came && i < burst.size(); i++) {
                lane.rxPool.give(burst.frame(i));
            }
            NetCases.that(System.nanoTime() - end < 0, "a queue opened again receives nothing");
        }
    }

    private static void closed(Lane lane) {
        lane.rx.close();
        lane.tx.close();
        lane.rx.close();
        lane.tx.close();
        NetCases.that(!lane.rx.isOpen() && !lane.tx.isOpen(), "a closed queue is open");
        lane.peer.deliver(Frames.make(1, 64));
        NetCases.equal(0, lane.rx.receive(lane.in), "entries received by a closed queue");
        int frame = lane.txPool.take();
        Burst burst = new Burst(1).add(frame, 64, 0);
        NetCases.equal(0, lane.tx.send(burst), "entries sent by a closed queue");
        NetCases.equal(1, burst.size(), "entries left");
        NetCases.equal(0, lane.tx.inFlight(), "frames in flight");
        lane.txPool.give(frame);
    }

    private static void plainWhileOpen(Lane lane) {
        noQueue("plain send", () -> lane.device.send(MemorySegment.ofArray(Frames.make(1, 64))));
        noQueue("plain receive", () -> lane.device.recv(MemorySegment.ofArray(new byte[2048]), 0));
        lane.add(Frames.make(2, 64));
        lane.flush();
        Frames.check(lane.takeFromPeer("beside plain calls"), 2, 64, "sent");
        lane.settle();
    }

    private static void waiting(Lane lane) {
        while (lane.receiveOrNull(0) != null) {
            // Of an earlier case.
        }
        long begin = System.nanoTime();
        boolean came = lane.rx.await(10_000_000);
        long took = System.nanoTime() - begin;
        NetCases.that(!came || took < 10_000_000, "a wait without a frame said that one came");
        NetCases.that(came || took >= 10_000_000, "a wait ended after " + took + " ns");
        lane.peer.deliver(Frames.make(3, 64));
        NetCases.that(lane.rx.await(lane.patience), "a wait did not end with a frame");
        Frames.check(lane.receive("waiting"), 3, 64, "received");
        lane.rx.wake();
        begin = System.nanoTime();
        boolean _ = lane.rx.await(lane.patience);
        NetCases.that(System.nanoTime() - begin < lane.patience / 2, "a wait was not woken");
    }

    private static void sleeping(Lane lane) {
        lane.rx.close();
        lane.tx.close();
        lane.rx.close();
        RxQueue rx =
                lane.device.openRx(new NetQueueOptions(0, lane.depth, true, false), lane.rxPool);
        Burst burst = new Burst(4);
        int _ = rx.receive(burst);
        try {
            for (int i = 0; i < 20; i++) {
                long end = System.nanoTime() + lane.patience;
                int got = 0;
                lane.peer.deliver(Frames.make(i, 64));
                while (got == 0) {
                    boolean _ = rx.await(lane.patience);
                    got = rx.receive(burst.clear());
                    NetCases.that(System.nanoTime() - end < 0, "a sleeper was not woken");
                }
                for (int k = 0; k < burst.size(); k++) {
                    lane.rxPool.give(burst.frame(k));
                }
            }
        } finally {
            rx.close();
            rx.close();
        }
    }

    private void link(NetworkDevice device) {
        NetPeer peer = cases.setup().peer();
        AtomicInteger downs = new AtomicInteger();
        AtomicInteger ups = new AtomicInteger();
        try (AutoCloseable _ = device.onLink(up -> (up ? ups : downs).incrementAndGet())) {
            peer.link(false);
            until(() -> !device.isLinkUp() && downs.get() == 1, "the link did not go down");
            try {
                device.send(MemorySegment.ofArray(Frames.make(1, 64)));
                throw new AssertionError("a frame was sent without a link");
            } catch (NetworkException e) {
                NetCases.that(e.reason() == Reason.NO_LINK, "without a link: " + e.reason());
            }
            peer.link(true);
            until(() -> device.isLinkUp() && ups.get() == 1, "the link did not come up");
            device.send(MemorySegment.ofArray(Frames.make(2, 64)));
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError("a listener could not be taken off", e);
        }
        byte[] frame = peer.take(cases.setup().patience());
        NetCases.that(frame != null, "nothing was sent after the link came up");
    }

    private void until(java.util.function.BooleanSupplier condition, String otherwise) {
        long end = System.nanoTime() + cases.setup().patience();
        while (!condition.getAsBoolean()) {
            NetCases.that(System.nanoTime() - end < 0, otherwise);
            Thread.onSpinWait();
        }
    }
}
