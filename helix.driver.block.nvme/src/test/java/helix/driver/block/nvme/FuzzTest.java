package helix.driver.block.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.hal.api.DeviceException;
import helix.hal.api.lease.LeaseService.Release;
import helix.hal.sim.nvme.NvmeFactory;
import helix.modules.api.ModuleError;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/// The driver beside a controller whose replies are mutated: registers, completions, data,
/// messages. Whatever it says, the driver ends each call with a device's error or as it should, and
/// works once the device does.
///
/// `-Dhelix.fuzz.replies=N` mutates so many replies instead of as many as ten seconds allow,
/// `-Dhelix.seed=N` begins with a seed that was printed.
class FuzzTest {
    private static final Duration SHARE = Duration.ofSeconds(10);
    private static final Duration HANG = Duration.ofSeconds(5);
    private static final Duration RELEASE = Duration.ofSeconds(5);
    private static final int CALLS = 200;
    private static final int BYTES = 8192;

    private final ExecutorService worker = Executors.newCachedThreadPool(FuzzTest::thread);

    private static Thread thread(Runnable work) {
        return Thread.ofPlatform().daemon().name("fuzz worker").unstarted(work);
    }

    private static Settings settings() {
        return Settings.standard()
                .withTimeouts(
                        Duration.ofMillis(200), Duration.ofMillis(50), Duration.ofMillis(200));
    }

    @Test
    void mutatedRepliesAreDeviceErrorsAndNothingElse() throws Exception {
        long first = Long.getLong("helix.seed", System.nanoTime() & 0xFFFF_FFFFL);
        long goal = Long.getLong("helix.fuzz.replies", Long.MAX_VALUE);
        long end = goal == Long.MAX_VALUE ? System.nanoTime() + SHARE.toNanos() : Long.MAX_VALUE;
        long mutations = 0;
        long runs = 0;
        System.out.printf("fuzz: first seed %d%n", first);
        while (mutations < goal && (end == Long.MAX_VALUE || System.nanoTime() - end < 0)) {
            mutations += run(first + runs);
            runs++;
        }
        System.out.printf("fuzz: %d runs, %d mutated replies%n", runs, mutations);
        assertThat(mutations).isPositive();
    }

    private long run(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        FuzzedModel model =
                new FuzzedModel(
                        new NvmeFactory()
                                .create("nvme0", Map.of("backing", "mem:4M", "seed", "" + seed)),
                        random.nextLong());
        try (FuzzRig rig = new FuzzRig(model, seed)) {
            int oneIn = 1 << random.nextInt(0, 7);
            boolean fromTheBegin = random.nextInt(3) == 0;
            FuzzRig.Life life = rig.begin(settings());
            if (fromTheBegin) {
                model.mutate(oneIn);
            }
            boolean up = ends(seed, life, "bring-up", life::bringUp);
            model.mutate(oneIn);
            if (up) {
                boolean _ = ends(seed, life, "calls", () -> calls(life, random.split()));
                boolean _ = ends(seed, life, "stop", life::stop);
            }
            model.mutate(0);
            Release release = life.end(RELEASE);
            assertThat(life.escaped()).as("seed %d: thrown by an agent", seed).isEmpty();
            assertThat(release.confirmed()).as("seed %d: %s", seed, release).isTrue();
            heals(rig, seed);
        }
        return model.mutations();
    }

    /// Does something that may fail as devices fail, in bounded time.
    ///
    /// @return whether it succeeded
    private boolean ends(long seed, FuzzRig.Life life, String what, Runnable work)
            throws Exception {
        AtomicReference<Thread> who = new AtomicReference<>();
        Future<?> done =
                worker.submit(() -> {
                    who.set(Thread.currentThread());
                    work.run();
                });
        try {
            done.get(HANG.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            String stack = Arrays.toString(who.get().getStackTrace());
            throw new AssertionError("seed %d: %s hangs: %s".formatted(seed, what, stack), e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof DeviceException
                    || e.getCause() instanceof BlockException
                    || e.getCause() instanceof ModuleError) {
                return false;
            }
            throw new AssertionError("seed %d: %s".formatted(seed, what), e.getCause());
        }
    }

    private static void calls(FuzzRig.Life life, SplittableRandom random) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(BYTES, 8);
            for (int i = 0; i < CALLS; i++) {
                if (life.published().isEmpty()) {
                    return;
                }
                BlockDevice device = life.published().getFirst();
                long blocks = BYTES / device.blockSize();
                if (blocks == 0 || device.totalBlocks() < blocks) {
                    return;
                }
                try {
                    long at = random.nextLong(device.totalBlocks() - blocks + 1);
                    switch (random.nextInt(3)) {
                        case 0 -> device.readBlock(at, data);
                        case 1 -> device.writeBlock(at, data);
                        default -> device.flush();
                    }
                } catch (BlockException e) {
                    // A device's error; the next call may succeed.
                    if (i == CALLS - 1) {
                        throw e;
                    }
                }
            }
        }
    }

    /// The device no longer misbehaves: a new generation works.
    private void heals(FuzzRig rig, long seed) throws Exception {
        FuzzRig.Life life = rig.begin(Settings.standard());
        Future<?> done = worker.submit(() -> roundTrip(life));
        try {
            done.get(HANG.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException e) {
            throw new AssertionError("seed %d: it does not heal".formatted(seed), e);
        }
        assertThat(life.end(RELEASE).confirmed()).isTrue();
    }

    private static void roundTrip(FuzzRig.Life life) {
        life.bringUp();
        try (Arena arena = Arena.ofConfined()) {
            BlockDevice device = life.published().getFirst();
            MemorySegment data = arena.allocate(BYTES, 8);
            for (int i = 0; i < BYTES; i++) {
                data.set(JAVA_BYTE, i, (byte) (i * 31));
            }
            device.writeBlock(5, data);
            MemorySegment back = arena.allocate(BYTES, 8);
            device.readBlock(5, back);
            assertThat(back.mismatch(data)).isEqualTo(-1);
        }
        life.stop();
    }
}
