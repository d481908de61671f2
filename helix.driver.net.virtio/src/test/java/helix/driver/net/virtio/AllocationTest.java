package helix.driver.net.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.virtio.VirtioFeature;
import java.lang.management.ManagementFactory;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class AllocationTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int WARM_UP = 300;
    private static final int ROUNDS = 3_000;
    private static final int BATCH = 8;

    private final Burst in = new Burst(16);
    private final Burst out = new Burst(16);
    private long frames;

    @TestFactory
    Stream<DynamicTest> sendReceiveAndReclaimAllocateNothing() {
        return Stream.of(FakeNic.ALL, FakeNic.ALL | VirtioFeature.RING_PACKED)
                .map(features ->
                        DynamicTest.dynamicTest(
                                (features & VirtioFeature.RING_PACKED) == 0 ? "split" : "packed",
                                () -> measure(features)));
    }

    /// The fake allocates, so it runs between the parts that are measured.
    private void measure(long features) {
        // Without the control queue, whose commands wait for an answer.
        try (Fixture f = new Fixture(features & ~NetFeature.CTRL_VQ)) {
            f.silent = true;
            f.start();
            FramePool rxPool = f.pool(32);
            FramePool txPool = f.pool(32);
            RxQueue rx = f.rx(rxPool);
            TxQueue tx = f.tx(txPool);
            f.nic.device.automatic(false);
            frames = 0;
            long allocated = 0;
            for (int round = -WARM_UP; round < ROUNDS; round++) {
                int _ = f.nic.device.process(0);
                for (int i = 0; i < BATCH; i++) {
                    f.nic.deliver(new byte[60]);
                }
                long before = THREADS.getCurrentThreadAllocatedBytes();
                move(rx, tx);
                long bytes = THREADS.getCurrentThreadAllocatedBytes() - before;
                int _ = f.nic.device.process(1);
                f.nic.sent.clear();
                if (round >= 0) {
                    allocated += bytes;
                } else {
                    frames = 0;
                }
            }
            assertThat(frames).isEqualTo(2L * ROUNDS * BATCH);
            assertThat((double) allocated / frames).as("bytes per frame").isLessThan(0.5);
            f.nic.device.automatic(true);
            int _ = f.nic.device.process(0);
            rx.close();
            tx.close();
        }
    }

    /// What is received is sent on, one frame in two entries.
    private void move(RxQueue rx, TxQueue tx) {
        int _ = tx.reclaim();
        frames += rx.receive(in.clear());
        for (int i = 0; i < in.size(); i++) {
            rx.pool().give(in.frame(i));
            int frame = tx.pool().take();
            out.add(frame, in.length(i), i == 0 ? Burst.MORE : 0);
        }
        frames += tx.send(out);
        boolean _ = rx.await(0);
    }
}
