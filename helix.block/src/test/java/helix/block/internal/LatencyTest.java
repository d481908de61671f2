package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk.Latency;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class LatencyTest {
    @Test
    void eachKindOfRequestHasItsFigures() {
        SwapRig rig = new SwapRig(8);
        assertThat(rig.disk.latencies()).isEmpty();
        try (BlockQueue queue = rig.queue(4)) {
            for (int i = 0; i < 10; i++) {
                rig.write(queue, i, 1, i, i);
                rig.finish(queue);
            }
        }
        rig.access.readBlock(0, MemorySegment.ofArray(new byte[512]));
        rig.access.flush();

        List<Latency> all = rig.disk.latencies();
        assertThat(all).extracting(Latency::operation).containsExactly("read", "write", "flush");
        assertThat(all).extracting(Latency::count).containsExactly(1L, 10L, 1L);
        for (Latency each : all) {
            assertThat(each.min()).isPositive().isLessThanOrEqualTo(each.mean());
            assertThat(each.p50()).isLessThanOrEqualTo(each.p90());
            assertThat(each.p90()).isLessThanOrEqualTo(each.p99());
            assertThat(each.p999()).isLessThanOrEqualTo(each.max());
        }
    }

    @Test
    void parkingCounts() {
        SwapRig rig = new SwapRig(8);
        try (BlockQueue queue = rig.queue(4)) {
            rig.generation.crash();
            rig.rig.table.removed(rig.backend);
            rig.write0(queue, 1, 1);
            assertThat(queue.await(20_000_000)).isFalse();
            rig.backend = rig.rig.serve(rig.controller.generation(), SwapRig.SLOT, "nvme0n1");
            rig.finish(queue);
        }
        assertThat(rig.disk.latencies())
                .singleElement()
                .satisfies(latency -> {
                    assertThat(latency.operation()).isEqualTo(BlockOp.name(BlockOp.WRITE_ZEROES));
                    assertThat(latency.max()).isGreaterThan(19_000);
                });
        assertThat(rig.ended).containsEntry(1, BlockStatus.OK);
    }
}
