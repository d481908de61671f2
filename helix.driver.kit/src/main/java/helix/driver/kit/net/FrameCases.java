package helix.driver.kit.net;

import helix.driver.api.net.Burst;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkStatistics;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// What becomes of single frames.
final class FrameCases {
    private final NetCases cases;

    FrameCases(NetCases cases) {
        this.cases = cases;
    }

    void list() {
        cases.addLane("frames of each size are sent", FrameCases::sentSizes);
        cases.addLane("frames of each size are received", FrameCases::receivedSizes);
        cases.addLane("frames too short or too long are refused", FrameCases::refusedSizes);
        cases.addLane("what precedes a refused frame is sent", FrameCases::beforeRefused);
        cases.addLane("a frame is sent from several segments", FrameCases::segments);
        cases.addLane("offloads that the device lacks are refused", FrameCases::offloads);
        cases.addLane("statistics add up", FrameCases::statistics);
        cases.add("plain calls send and receive", null, this::plain);
        cases.add("plain calls refuse sizes", null, FrameCases::plainSizes);
        cases.add("plain receive returns when nothing comes", null, FrameCases::plainNothing);
    }

    private static int[] sizes(NetworkDevice device) {
        int most = device.limits().maxFrame();
        return new int[] {14, 15, 18, 59, 60, 61, 64, 127, 128, 577, 1024, most - 1, most};
    }

    private static void sentSizes(Lane lane) {
        int number = 1;
        for (int size : sizes(lane.device)) {
            lane.add(Frames.make(number, size));
            lane.flush();
            Frames.check(lane.takeFromPeer("sending"), number++, size, "sent");
        }
        lane.peerGotNoMore("sending");
        lane.settle();
    }

    private static void receivedSizes(Lane lane) {
        int number = 1;
        for (int size : sizes(lane.device)) {
            lane.peer.deliver(Frames.make(number, size));
            Frames.check(lane.receive("receiving"), number++, size, "received");
        }
        lane.receivedNoMore("receiving");
    }

    private static void refusedSizes(Lane lane) {
        int most = lane.device.limits().maxFrame();
        for (int size : new int[] {0, 1, 13, most + 1, lane.txPool.capacity() + 1, 65550}) {
            int frame = lane.txPool.take();
            Burst burst = new Burst(1).add(frame, size, 0);
            NetCases.illegal("a frame of " + size + " bytes", () -> lane.tx.send(burst));
            NetCases.equal(1, burst.size(), "entries left of a refused frame");
            lane.txPool.give(frame);
        }
        lane.add(Frames.make(7, 60));
        lane.flush();
        Frames.check(lane.takeFromPeer("after refusals"), 7, 60, "sent");
        lane.settle();
    }

    private static void beforeRefused(Lane lane) {
        lane.add(Frames.make(1, 100));
        lane.add(Frames.make(2, 100));
        int frame = lane.txPool.take();
        lane.out.add(frame, 13, 0);
        NetCases.illegal("a frame of 13 bytes", () -> lane.tx.send(lane.out));
        NetCases.equal(1, lane.out.size(), "entries left");
        NetCases.equal(frame, lane.out.frame(0), "the frame left");
        lane.out.clear();
        lane.txPool.give(frame);
        Frames.check(lane.takeFromPeer("before"), 1, 100, "sent");
        Frames.check(lane.takeFromPeer("before"), 2, 100, "sent");
        lane.settle();
    }

    private static void segments(Lane lane) {
        int most = lane.device.limits().maxSegments();
        int number = 1;
        for (int pieces = 2; pieces <= Math.min(most, 8); pieces++) {
            int size = 97 * pieces;
            lane.add(Frames.make(number, size), 97);
            lane.add(Frames.make(number + 1, 60));
            lane.flush();
            Frames.check(lane.takeFromPeer("segments"), number, size, pieces + " segments");
            Frames.check(lane.takeFromPeer("segments"), number + 1, 60, "after segments");
            number += 2;
        }
        lane.settle();
        if (most < lane.depth) {
            Burst burst = new Burst(most + 1);
            for (int i = 0; i <= most; i++) {
                burst.add(lane.txPool.take(), 20, i < most ? Burst.MORE : 0);
            }
            NetCases.illegal((most + 1) + " segments", () -> lane.tx.send(burst));
            for (int i = 0; i <= most; i++) {
                lane.txPool.give(burst.frame(i));
            }
        }
    }

    private static void offloads(Lane lane) {
        for (int flag : new int[] {Burst.CHECKSUM, Burst.TSO4, Burst.TSO6}) {
            if ((lane.device.limits().offloads() & flag) == 0) {
                int frame = lane.txPool.take();
                Burst burst = new Burst(1).add(frame, 60, flag).offload(34, 16, 512, 54);
                NetCases.illegal("offload " + flag, () -> lane.tx.send(burst));
                lane.txPool.give(frame);
            }
        }
    }

    private static void statistics(Lane lane) {
        NetworkStatistics before = lane.device.statistics();
        int frames = 10;
        long bytes = 0;
        for (int i = 0; i < frames; i++) {
            int size = 60 + 13 * i;
            bytes += size;
            lane.add(Frames.make(i, size));
            lane.flush();
            Frames.check(lane.takeFromPeer("statistics"), i, size, "sent");
            lane.peer.deliver(Frames.make(i, size));
            Frames.check(lane.receive("statistics"), i, size, "received");
        }
        lane.settle();
        NetworkStatistics after = lane.device.statistics();
        NetCases.equal(frames, after.txFrames() - before.txFrames(), "txFrames");
        NetCases.equal(bytes, after.txBytes() - before.txBytes(), "txBytes");
        NetCases.equal(frames, after.rxFrames() - before.rxFrames(), "rxFrames");
        NetCases.equal(bytes, after.rxBytes() - before.rxBytes(), "rxBytes");
        NetCases.equal(0, after.txErrors() - before.txErrors(), "txErrors");
        NetCases.equal(0, after.rxErrors() - before.rxErrors(), "rxErrors");
    }

    // ---- Plain calls

    private void plain(NetworkDevice device) {
        NetPeer peer = cases.setup().peer();
        byte[] target = new byte[2048];
        MemorySegment to = MemorySegment.ofArray(target);
        // Opens its queue.
        while (device.recv(to, 3_000_000) >= 0) {
            // Of an earlier case.
        }
        for (int i = 0; i < 200; i++) {
            int size = 14 + i * 7;
            device.send(MemorySegment.ofArray(Frames.make(i, size)));
            byte[] sent = takeOurs(peer);
            Frames.check(sent, i, size, "plain send");
            peer.deliver(Frames.make(i, size));
            int length = device.recv(to, cases.setup().patience());
            NetCases.that(length > 0, "plain receive: nothing came");
            Frames.check(Arrays.copyOf(target, length), i, size, "plain receive");
        }
    }

    private byte[] takeOurs(NetPeer peer) {
        while (true) {
            byte[] frame = peer.take(cases.setup().patience());
            if (frame == null) {
                throw new AssertionError("plain send: nothing came out of the device");
            }
            if (Frames.isOurs(frame)) {
                return frame;
            }
        }
    }

    private static void plainSizes(NetworkDevice device) {
        for (int size : new int[] {0, 13, device.limits().maxFrame() + 1}) {
            try {
                device.send(MemorySegment.ofArray(new byte[size]));
            } catch (NetworkException e) {
                NetCases.that(
                        e.reason() == NetworkException.Reason.FRAME_SIZE,
                        "a frame of " + size + " bytes: " + e.reason());
                continue;
            }
            throw new AssertionError("a frame of " + size + " bytes was taken");
        }
    }

    private static void plainNothing(NetworkDevice device) {
        long begin = System.nanoTime();
        int length = device.recv(MemorySegment.ofArray(new byte[2048]), 20_000_000);
        if (length < 0) {
            long took = System.nanoTime() - begin;
            NetCases.that(took >= 20_000_000, "plain receive gave up after " + took + " ns");
        }
    }
}
