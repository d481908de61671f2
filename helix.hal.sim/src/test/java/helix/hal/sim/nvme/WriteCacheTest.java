package helix.hal.sim.nvme;

import static helix.hal.sim.nvme.ScriptHost.entry;
import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.nvme.ScriptHost.Entry;
import helix.hal.sim.nvme.ScriptHost.Queue;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a loss of power leaves. Base 2.0, section 5.27.1.4; NVM 1.0, section 2.1.4.
class WriteCacheTest {
    private static final int FUA = 1 << 30;
    private static final int BLOCKS = 64;

    /// Generation 1 is flushed, 2 is not: each block is one of both, whole, and both are met.
    @ParameterizedTest
    @CsvSource({"512, 64", "4096, 8"})
    void losesUnflushedBlocksOneByOne(int blockSize, int count) {
        int lost = 0;
        int kept = 0;
        for (int seed = 0; seed < 10; seed++) {
            try (Disk disk = new Disk("seed=" + seed, "block-size=" + blockSize)) {
                disk.write(0, count, 1, 0);
                disk.flush();
                disk.write(0, count, 2, 0);
                disk.cut();
                for (int block = 0; block < count; block++) {
                    int generation = disk.generation(block, blockSize);
                    assertThat(generation).isIn(1, 2);
                    lost += generation == 1 ? 1 : 0;
                    kept += generation == 2 ? 1 : 0;
                }
            }
        }
        assertThat(lost).isGreaterThan(5 * count / 2);
        assertThat(kept).isGreaterThan(5 * count / 2);
    }

    @Test
    void keepsWhatWasWrittenWithForceUnitAccess() {
        boolean olderLost = false;
        for (int seed = 0; seed < 10; seed++) {
            try (Disk disk = new Disk("seed=" + seed)) {
                disk.write(0, BLOCKS, 1, 0);
                disk.write(0, BLOCKS / 2, 2, FUA);
                disk.cut();
                for (int block = 0; block < BLOCKS; block++) {
                    int generation = disk.generation(block, 512);
                    if (block < BLOCKS / 2) {
                        assertThat(generation).isEqualTo(2);
                    } else {
                        assertThat(generation).isIn(0, 1);
                        olderLost |= generation == 0;
                    }
                }
            }
        }
        assertThat(olderLost).isTrue();
    }

    @Test
    void mayBringBackAnyContentsSinceTheFlush() {
        boolean[] seen = new boolean[5];
        for (int seed = 0; seed < 20; seed++) {
            try (Disk disk = new Disk("seed=" + seed)) {
                disk.write(0, BLOCKS, 1, 0);
                disk.flush();
                disk.write(0, BLOCKS, 2, 0);
                disk.write(0, BLOCKS, 3, FUA);
                disk.write(0, BLOCKS, 4, 0);
                disk.cut();
                for (int block = 0; block < BLOCKS; block++) {
                    seen[disk.generation(block, 512)] = true;
                }
            }
        }
        assertThat(seen).containsExactly(false, false, false, true, true);
    }

    @Test
    void losesNothingWithoutACacheOrWithItOff() {
        try (Disk disk = new Disk("vwc=off")) {
            disk.write(0, BLOCKS, 1, 0);
            disk.cut();
            disk.expectAll(1);
        }
        try (Disk disk = new Disk()) {
            disk.write(0, BLOCKS, 1, 0);
            assertThat(disk.host.admin(entry(0x09).cdw(10, 6)).status()).isZero();
            disk.write(0, BLOCKS / 2, 1, 0);
            disk.cut();
            disk.expectAll(1);
        }
    }

    @Test
    void losesNothingByResetsAndShutdowns() {
        try (Disk disk = new Disk()) {
            disk.write(0, BLOCKS, 1, 0);
            disk.host.disable();
            disk.start();
            disk.expectAll(1);
            disk.write(0, BLOCKS, 2, 0);
            disk.host.write32(ScriptHost.CC, ScriptHost.ENABLE | 1 << 14);
            int _ = disk.host.awaitStatus(12, 8);
            disk.cut();
            disk.expectAll(2);
        }
    }

    /// For each cut point: all writes before it that were flushed are there, and the write at which
    /// power was lost is torn at blocks only.
    @ParameterizedTest
    @CsvSource({"1", "2", "3", "7", "8"})
    void losesPowerAtTheWriteAskedFor(int at) {
        try (Disk disk = new Disk("seed=" + at)) {
            String _ = disk.sim.model.fault("power-cut", Map.of("at", Integer.toString(at)));
            int written = 0;
            while (written < at - 1) {
                written++;
                disk.write(0, BLOCKS, written, 0);
                disk.flush();
            }
            int _ = disk.queue.put(disk.transfer(1, 0, BLOCKS, written + 1, FUA));
            disk.queue.ring();
            disk.sim.progress(5);

            assertThat(disk.queue.poll()).isNull();
            assertThat(disk.host.read32(ScriptHost.CSTS)).isEqualTo(-1);
            assertThat(disk.sim.read(0, 8)).isEqualTo(-1);
            disk.host.write32(ScriptHost.CC, ScriptHost.ENABLE);
            disk.on();
            for (int block = 0; block < BLOCKS; block++) {
                assertThat(disk.generation(block, 512)).isIn(written, written + 1);
            }
            assertThat(disk.sim.violations).isEmpty();
        }
    }

    /// Writes, forced writes and flushes as they come, and power lost in the midst of them, a
    /// thousand times: each block has one of the contents it may have, and unflushed ones are lost.
    @Test
    void keepsItsPromisesOverAThousandCuts() {
        SplittableRandom random = new SplittableRandom(7);
        List<Set<Integer>> allowed = new ArrayList<>();
        for (int i = 0; i < BLOCKS; i++) {
            allowed.add(new LinkedHashSet<>(List.of(0)));
        }
        int generation = 0;
        int lost = 0;
        try (Disk disk = new Disk()) {
            for (int cut = 0; cut < 1000; cut++) {
                int at = 1 + random.nextInt(8);
                String _ = disk.sim.model.fault("power-cut", Map.of("at", Integer.toString(at)));
                for (int i = 1; i <= at; i++) {
                    generation++;
                    int first = random.nextInt(BLOCKS - 8);
                    int count = 1 + random.nextInt(8);
                    boolean forced = random.nextInt(4) == 0;
                    boolean completed = disk.tryWrite(first, count, generation, forced ? FUA : 0);
                    assertThat(completed).isEqualTo(i < at);
                    for (int block = first; block < first + count; block++) {
                        if (forced && completed) {
                            allowed.get(block).clear();
                        }
                        allowed.get(block).add(generation);
                    }
                    if (completed && random.nextInt(5) == 0) {
                        disk.flush();
                        allowed.forEach(WriteCacheTest::keepLast);
                    }
                }
                disk.on();
                for (int block = 0; block < BLOCKS; block++) {
                    int found = disk.generation(block, 512);
                    Set<Integer> each = allowed.get(block);
                    assertThat(each).as("block %d after cut %d", block, cut).contains(found);
                    lost += found == each.stream().reduce(0, (_, last) -> last) ? 0 : 1;
                    each.clear();
                    each.add(found);
                }
            }
            assertThat(disk.sim.violations).isEmpty();
        }
        assertThat(lost).as("blocks whose last write was lost").isGreaterThan(1000);
    }

    private static void keepLast(Set<Integer> contents) {
        int last = contents.stream().reduce(0, (_, next) -> next);
        contents.clear();
        contents.add(last);
    }

    @Test
    void countsUnsafeShutdowns() {
        try (Disk disk = new Disk()) {
            disk.cut();
            long page = disk.host.allocate(1);
            assertThat(
                            disk.host
                                    .admin(
                                            entry(2).prp(disk.host.address(page), 0)
                                                    .cdw(10, 127 << 16 | 2))
                                    .status())
                    .isZero();
            assertThat(disk.host.int64(page + 112)).as("power cycles").isEqualTo(2);
            assertThat(disk.host.int64(page + 144)).as("unsafe shutdowns").isEqualTo(1);
        }
    }

    /// A disk whose blocks hold their generation in every word.
    private static final class Disk implements AutoCloseable {
        final SimAccess sim;
        final ScriptHost host;
        final long data;
        final long list;
        Queue queue;

        Disk(String... options) {
            sim = new SimAccess(options);
            host = new ScriptHost(sim);
            data = host.allocate(8);
            list = host.allocate(1);
            host.remember();
            host.enable();
            queue = host.pair(1, 16, -1);
        }

        void start() {
            host.enable();
            queue = host.pair(1, 16, -1);
        }

        void write(long block, int count, int generation, int flags) {
            assertThat(queue.send(transfer(1, block, count, generation, flags)).status()).isZero();
        }

        Entry transfer(int opcode, long block, int count, int generation, int flags) {
            host.fillInts(data, 8 * 4096, generation);
            for (int i = 1; i < 8; i++) {
                host.set64(list + 8L * (i - 1), host.address(data + 4096L * i));
            }
            return entry(opcode)
                    .nsid(1)
                    .prp(host.address(data), host.address(list))
                    .blocks(block, count)
                    .cdw(12, count - 1 | flags);
        }

        /// Writes until the command completes or power is lost.
        boolean tryWrite(long block, int count, int generation, int flags) {
            int _ = queue.put(transfer(1, block, count, generation, flags));
            queue.ring();
            for (int i = 0; i < 10; i++) {
                sim.progress();
                if (host.read32(ScriptHost.CSTS) == -1) {
                    return false;
                }
                if (queue.poll() != null) {
                    queue.release();
                    return true;
                }
            }
            throw new AssertionError("neither completed nor without power");
        }

        void flush() {
            assertThat(queue.send(entry(0).nsid(1)).status()).isZero();
        }

        void cut() {
            String _ = sim.model.fault("power-cut", Map.of());
            on();
        }

        void on() {
            String _ = sim.model.fault("power-on", Map.of());
            host.forget();
            start();
        }

        int generation(int block, int blockSize) {
            assertThat(queue.send(host.transfer(2, 1, block, 1, data)).status()).isZero();
            int generation = host.int32(data);
            for (int i = 0; i < blockSize; i += 4) {
                assertThat(host.int32(data + i)).as("whole blocks").isEqualTo(generation);
            }
            return generation;
        }

        void expectAll(int generation) {
            for (int block = 0; block < BLOCKS; block++) {
                assertThat(generation(block, 512)).isEqualTo(generation);
            }
        }

        @Override
        public void close() {
            sim.close();
        }
    }
}
