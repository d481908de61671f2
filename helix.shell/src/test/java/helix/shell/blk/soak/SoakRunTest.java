package helix.shell.blk.soak;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions.Completion;
import helix.driver.kit.Fault;
import helix.driver.kit.FaultyBlockDevice;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Load is worth what it finds: planted faults are found as what they are, and nothing is where
/// nothing was planted.
class SoakRunTest {
    private static final int BLOCKS = 4096;

    private FaultyBlockDevice device = new FaultyBlockDevice(512, BLOCKS);

    @TempDir private Path folder;

    @AfterEach
    void nothingIsLeft() {
        assertThat(device.queuesOpen()).isZero();
        assertThat(device.buffersInUse()).isZero();
    }

    private static SoakOptions options(long seed, int threads, int reads) {
        return new SoakOptions(
                seed,
                threads,
                32,
                Completion.POLLED,
                Long.MAX_VALUE,
                reads,
                Duration.ofMillis(1),
                500);
    }

    private static SoakOptions withoutFlushes(long seed) {
        return new SoakOptions(
                seed, 1, 32, Completion.POLLED, Long.MAX_VALUE, 20, Duration.ZERO, 500);
    }

    private Defects soak(SoakOptions options) throws Exception {
        try (SoakRun run = SoakRun.start(device, options)) {
            assertThat(run.await(Duration.ofSeconds(60))).as("ends by itself").isTrue();
            run.finish();
            assertThat(run.failures()).isEmpty();
            assertThat(run.ios()).isGreaterThan(500);
            return run.defects();
        }
    }

    private void finds(Fault fault, int reads, ToLongFunction<Defects> kind) throws Exception {
        for (int seed = 0; seed < 3; seed++) {
            device.plant(fault, 20);
            Defects found = soak(options(seed, 1, reads));
            assertThat(device.produced()).as("%s, seed %d", fault, seed).isPositive();
            assertThat(kind.applyAsLong(found))
                    .as("%s, seed %d: %s", fault, seed, found.told())
                    .isPositive();
            device.plant(fault, 0);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {512, 4096, 8192})
    void nothingIsFoundWhereNothingIsPlanted(int blockSize) throws Exception {
        device = new FaultyBlockDevice(blockSize, (long) BLOCKS * 512 / blockSize);
        int seeds = blockSize == 512 ? 10 : 2;
        for (int seed = 0; seed < seeds; seed++) {
            Defects found = soak(options(seed, 1 + seed % 3, 50));
            assertThat(found.failed() + found.wrong()).as("%s", found.told()).isZero();
        }
    }

    @Test
    void whatAnEarlierRunWithTheSameSeedLeftIsNotTakenForThisOnes() throws Exception {
        for (int i = 0; i < 2; i++) {
            Defects found = soak(options(1, 1, 50));
            assertThat(found.wrong()).as("%s", found.told()).isZero();
        }
    }

    @Test
    void aDroppedWriteIsStaleWhenReadAndLostAtTheEnd() throws Exception {
        finds(Fault.DROPPED_WRITE, 50, Defects::stale);
        finds(Fault.DROPPED_WRITE, 0, Defects::lost);
    }

    @Test
    void aTornWriteIsTorn() throws Exception {
        finds(Fault.TORN_WRITE, 50, Defects::torn);
    }

    @Test
    void aMisdirectedRequestIsMisplaced() throws Exception {
        finds(Fault.MISDIRECTED_WRITE, 50, Defects::misplaced);
        finds(Fault.MISDIRECTED_READ, 50, Defects::misplaced);
    }

    @Test
    void aLateWriteIsStaleButNotLost() throws Exception {
        device.plant(Fault.LATE_WRITE, 5);
        Defects found = soak(options(7, 1, 50));
        assertThat(found.stale()).isPositive();
        assertThat(found.lost() + found.torn() + found.misplaced() + found.failed()).isZero();
    }

    @Test
    void aReorderedWriteIsLost() throws Exception {
        for (int seed = 0; seed < 3; seed++) {
            device.plant(Fault.REORDERED_WRITE, 5);
            Defects found = soak(withoutFlushes(seed));
            assertThat(found.lost()).as("seed %d", seed).isPositive();
            assertThat(found.torn() + found.misplaced() + found.failed()).isZero();
        }
    }

    @Test
    void anErrorIsFailedAndWhatItLeavesIsNoDefect() throws Exception {
        device.plant(Fault.FAILED_REQUEST, 100);
        Defects found = soak(options(1, 1, 50));
        assertThat(found.failed()).isPositive();
        assertThat(found.wrong()).isZero();
    }

    @Test
    void theFileBehindTheDiskIsVerifiedPastIt() throws Exception {
        Path image = folder.resolve("image");
        try (SoakRun run = SoakRun.start(device, options(1, 2, 50))) {
            run.await(Duration.ofSeconds(60));
            run.finish();
            byte[] bytes = device.contents().toArray(ValueLayout.JAVA_BYTE);
            Files.write(image, bytes);
            run.verifyImage(image);
            assertThat(run.defects().wrong()).isZero();

            System.arraycopy(bytes, 0, bytes, 512 * 100, 512); // block 0's bytes in block 100
            bytes[512 * 200 + 300] ^= 1;
            Files.write(image, bytes);
            run.verifyImage(image);
            Defects found = run.defects();
            assertThat(found.misplaced()).isEqualTo(1);
            assertThat(found.torn()).isEqualTo(1);
            assertThat(found.told()).anyMatch(line -> line.contains("block 200 of image is torn"));
        }
    }

    @Test
    void aDiskThatGoesEndsTheRunAndIsTold() throws Exception {
        SoakOptions endless =
                new SoakOptions(
                        1, 1, 8, Completion.POLLED, 1 << 20, 50, Duration.ZERO, Long.MAX_VALUE);
        try (SoakRun run = SoakRun.start(device, endless)) {
            device.remove(BlockStatus.DEVICE_GONE);
            assertThat(run.await(Duration.ofSeconds(60))).isTrue();
            run.finish();
            assertThat(run.failures()).hasSize(1);
        }
    }

    @Test
    void aRunThatIsClosedEarlyLeavesNothingBehind() throws Exception {
        SoakOptions endless =
                new SoakOptions(
                        1, 2, 8, Completion.INTERRUPT, 1 << 20, 50, Duration.ZERO, Long.MAX_VALUE);
        try (SoakRun run = SoakRun.start(device, endless)) {
            assertThat(run.await(Duration.ofMillis(20))).isFalse();
        }
    }
}
