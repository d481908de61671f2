package helix.block.internal;

import helix.driver.api.block.BlockIdentity;
import helix.hal.api.Deadline;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant.Counts;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One disk's passage from a generation of its driver to the next, with the test that it reads the
/// same.
final class DiskPassage implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DiskPassage.class);
    private static final int RANDOM_BLOCKS = 4;

    /// How many are read again while clients wait.
    private static final int VERIFIED = 2;

    private static final long SEED = 20_260_101;

    /// A device that takes longer to read a few blocks is not asked for more.
    private static final long SAMPLE_MILLIS = 200;

    /// Clients are let go on within microseconds, unless the driver hangs.
    private static final long RESUME_MILLIS = 2_000;

    /// A block and what was in it.
    private record Sample(long lba, MemorySegment bytes) {}

    private final StableDisk disk;
    private final @Nullable Backend before;
    private final BlockIdentity identity;
    private final long blocks;
    private final List<Sample> samples = new ArrayList<>();

    /// Calls the driver, so that one that hangs is noticed.
    private ExecutorService caller = newCaller();

    private final long since;
    private Tally atPark = new Tally();
    private boolean resumed = true;

    DiskPassage(StableDisk disk) {
        this.disk = disk;
        before = disk.lanes().backend();
        identity = disk.identity();
        blocks = disk.knownBlocks();
        since = disk.order().watch();
        if (before != null) {
            sample(before);
        }
    }

    private static ExecutorService newCaller() {
        return Executors.newSingleThreadExecutor(
                Thread.ofPlatform().daemon().name("helix-block-passage").factory());
    }

    private void sample(Backend backend) {
        SplittableRandom random = new SplittableRandom(SEED);
        List<Sample> wanted = new ArrayList<>();
        wanted.add(new Sample(0, block()));
        wanted.add(new Sample(blocks - 1, block()));
        for (int i = 0; i < RANDOM_BLOCKS; i++) {
            wanted.add(new Sample(random.nextLong(blocks), block()));
        }
        Deadline deadline = Deadline.afterMillis(SAMPLE_MILLIS);
        for (Sample sample : wanted) {
            try {
                read(backend, List.of(sample), deadline);
                samples.add(sample);
            } catch (ModuleError e) {
                LOG.info("{}: not sampled any further: {}", disk.name(), e.getMessage());
                break;
            }
        }
    }

    private MemorySegment block() {
        return MemorySegment.ofArray(new byte[disk.blockSize()]);
    }

    /// Fills in samples.
    private void read(Backend backend, List<Sample> into, Deadline deadline) {
        Runnable reading =
                () -> into.forEach(sample -> backend.device().readBlock(sample.lba, sample.bytes));
        String block = "block " + into.getFirst().lba;
        within(deadline, reading, block + " was not read", block + " cannot be read");
    }

    /// Runs what calls the driver on a thread that can be left behind.
    ///
    /// @param late what is said if it does not end
    /// @param failed what is said if it throws
    private void within(Deadline deadline, Runnable body, String late, String failed) {
        Future<?> running = caller.submit(body);
        try {
            running.get(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            // Whoever hangs there is left there.
            caller.shutdown();
            caller = newCaller();
            throw new ModuleError("%s: %s within %s".formatted(disk.name(), late, deadline), e);
        } catch (ExecutionException e) {
            throw new ModuleError("%s: %s: %s".formatted(disk.name(), failed, e.getCause()), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ModuleError("%s: %s, interrupted".formatted(disk.name(), late), e);
        }
    }

    boolean isOf(StableDisk other) {
        return disk.equals(other);
    }

    /// Begins to [park][#park] without waiting: disks of a device do it together.
    void beginPark(Deadline deadline) {
        atPark = disk.lanes().all().counts();
        resumed = false;
        disk.lanes().beginPark(deadline);
    }

    boolean park(Deadline deadline) {
        return disk.lanes().park(deadline);
    }

    boolean drain(Deadline deadline) {
        return disk.lanes().drain(deadline);
    }

    @SuppressWarnings("ReferenceEquality") // backends are identities
    void verify(Deadline deadline) {
        Backend now = disk.lanes().backend();
        if (before == null) {
            return;
        }
        if (now == null || now == before) {
            throw new ModuleError("the new generation does not serve " + disk.name());
        }
        same("identity", identity.key(), now.device().identity().key());
        same("block size", disk.blockSize(), now.device().blockSize());
        same("capacity", blocks, now.device().totalBlocks());
        String fault = disk.lanes().all().fault();
        if (!fault.isEmpty()) {
            throw new ModuleError(fault);
        }
        List<Sample> old =
                samples.stream()
                        .filter(sample -> !disk.order().mayHaveChanged(sample.lba, since))
                        .limit(VERIFIED)
                        .toList();
        if (old.isEmpty()) {
            return;
        }
        List<Sample> fresh = old.stream().map(sample -> new Sample(sample.lba, block())).toList();
        read(now, fresh, deadline);
        for (int i = 0; i < old.size(); i++) {
            if (old.get(i).bytes.mismatch(fresh.get(i).bytes) >= 0) {
                throw new ModuleError(
                        disk.name()
                                + ": block "
                                + old.get(i).lba
                                + " reads differently, and nobody has written it");
            }
        }
    }

    private void same(String what, Object old, Object now) {
        if (!old.equals(now)) {
            throw new ModuleError(disk.name() + ": the " + what + " was " + old + " and is " + now);
        }
    }

    Counts resume() {
        try {
            within(
                    Deadline.afterMillis(RESUME_MILLIS),
                    disk.lanes()::resume,
                    "its clients could not go on",
                    "its clients cannot go on");
            resumed = true;
        } finally {
            if (!resumed) {
                disk.lanes().abandonResume();
            }
        }
        var begin = atPark.counts();
        var end = disk.lanes().all().counts().counts();
        return new Counts(
                end.parked() - begin.parked(),
                end.adopted() - begin.adopted(),
                end.replayed() - begin.replayed(),
                end.errors() - begin.errors());
    }

    @Override
    public void close() {
        try {
            if (!resumed) {
                Counts ignored = resume();
                LOG.debug("{}: resumed at the end, {}", disk.name(), ignored);
            }
        } finally {
            disk.order().stopWatching();
            caller.shutdown();
        }
    }
}
