package helix.driver.kit.net;

import com.sun.management.ThreadMXBean;
import helix.driver.api.net.Burst;
import java.lang.management.ManagementFactory;

/// Measures what moving frames allocates on the moving thread.
final class Allocation {
    private static final int ROUNDS = 2_000;
    private static final int WARM_UP = 200;

    private Allocation() {}

    static void measure(Lane lane) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        byte[] frame = Frames.make(1, 64);
        Burst burst = new Burst(lane.depth);
        int count = Math.max(1, lane.depth / 2);
        long allocated = 0;
        long frames = 0;
        for (int round = -WARM_UP; round < ROUNDS; round++) {
            for (int i = 0; i < count; i++) {
                lane.add(frame);
            }
            for (int i = 0; i < count; i++) {
                lane.peer.deliver(frame);
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            int sent = lane.tx.send(lane.out);
            int received = lane.rx.receive(burst.clear());
            int _ = lane.tx.reclaim();
            long bytes = threads.getCurrentThreadAllocatedBytes() - before;
            for (int i = 0; i < burst.size(); i++) {
                lane.rxPool.give(burst.frame(i));
            }
            lane.flush();
            while (lane.peer.take(0) != null) {
                // Only allocation counts here.
            }
            if (round >= 0) {
                allocated += bytes;
                frames += sent + received;
            }
        }
        NetCases.that(frames > ROUNDS, "only " + frames + " frames moved");
        NetCases.that(
                allocated < frames,
                "%d bytes were allocated for %d frames".formatted(allocated, frames));
        while (lane.receiveOrNull(5_000_000) != null) {
            // Came late.
        }
        lane.settle();
    }
}
