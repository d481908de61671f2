package helix.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class NullBlockDeviceTest {
    @Test
    void everyRequestEndsOnceAfterTheKick() {
        List<Integer> ended = new ArrayList<>();
        try (NullBlockDevice device = new NullBlockDevice();
                BlockQueue queue = device.openQueue(QueueOptions.polled(3));
                DmaBuffer buffer = device.allocate(512)) {
            for (int tag = 0; tag < 3; tag++) {
                assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, tag)).isTrue();
            }
            assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 3)).as("full").isFalse();
            assertThat(queue.poll((tag, status) -> ended.add(tag), 8)).isZero();
            queue.kick();
            assertThat(queue.poll((tag, status) -> ended.add(tag), 2)).isEqualTo(2);
            assertThat(queue.inFlight()).isEqualTo(1);
            assertThat(queue.poll((tag, status) -> ended.add(tag), 2)).isEqualTo(1);
        }
        assertThat(ended).containsExactly(0, 1, 2);
    }
}
