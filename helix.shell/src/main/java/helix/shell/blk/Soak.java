package helix.shell.blk;

import helix.block.api.Disk;
import helix.driver.api.block.QueueOptions.Completion;
import helix.shell.CommandFailed;
import helix.shell.Durations;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Sizes;
import helix.shell.blk.soak.SoakOptions;
import helix.shell.blk.soak.SoakResult;
import helix.shell.blk.soak.SoakRun;
import helix.shell.blk.soak.Soaking;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Loads a disk with blocks that tell what they are, maybe while its driver is replaced.
@Command(
        description =
                "Overwrites a disk under verified load, on request while its driver is replaced.")
public final class Soak extends DiskReport {
    private static final long MOST_BYTES = 256L << 20;

    @Option(
            names = "--seconds",
            paramLabel = "<seconds>",
            defaultValue = "10",
            description =
                    "How long; with --reload-every for how long drivers are replaced, and the load"
                            + " begins earlier and ends later; ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(
            names = "--reload-every",
            paramLabel = "<duration>",
            converter = Durations.class,
            description = "Replace the disk's driver that often: 500ms, 2s.")
    private @Nullable Duration reloadEvery;

    @Option(
            names = "--mode",
            paramLabel = "<mode>",
            defaultValue = "WARM",
            description = "How reloads must be: warm or cold; warm.")
    private Mode mode = Mode.WARM;

    @Option(
            names = "--depth",
            paramLabel = "<number>",
            defaultValue = "32",
            description = "Requests in flight for each thread; ${DEFAULT-VALUE}.")
    private int depth;

    @Option(
            names = "--threads",
            paramLabel = "<number>",
            defaultValue = "1",
            description = "Writers, each with a part of the disk; ${DEFAULT-VALUE}.")
    private int threads;

    @Option(
            names = "--seed",
            paramLabel = "<number>",
            defaultValue = "1",
            description = "For places, sizes and kinds of requests; ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--size",
            paramLabel = "<size>",
            converter = Sizes.class,
            description = "How much of the disk, from its first block; all, or 256M.")
    private @Nullable Long size;

    @Option(
            names = "--reads",
            paramLabel = "<percent>",
            defaultValue = "50",
            description = "How many of the requests read, in percent; ${DEFAULT-VALUE}.")
    private int reads;

    @Option(
            names = "--flush-every",
            paramLabel = "<duration>",
            defaultValue = "100ms",
            converter = Durations.class,
            description = "Time between flushes, 0 for one at the end only; ${DEFAULT-VALUE}.")
    private Duration flushEvery = Duration.ofMillis(100);

    @Option(names = "--interrupt", description = "Wait for interrupts instead of polling.")
    private boolean interrupt;

    @Option(
            names = "--image",
            paramLabel = "<file>",
            description =
                    "The raw file behind the disk, to be verified too; found for --disk FILE.")
    private @Nullable String image;

    /// How a driver is to be replaced.
    enum Mode {
        /// Without a reset.
        WARM,
        /// With one.
        COLD
    }

    /// Makes the command.
    ///
    /// @param platform where to act
    public Soak(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) throws IOException, InterruptedException {
        Disk disk = disk();
        if (!(seconds > 0 && seconds <= 1e6)) { // NaN fails this, too
            throw new CommandFailed("--seconds " + seconds + " is no time to run for");
        }
        Path file = image == null ? DiskImages.find(platform, disk) : file(image);
        SoakOptions options =
                new SoakOptions(
                        seed,
                        threads,
                        depth,
                        interrupt ? Completion.INTERRUPT : Completion.POLLED,
                        size == null ? MOST_BYTES : size,
                        reads,
                        flushEvery,
                        Long.MAX_VALUE);
        SoakResult result;
        try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "blk:soak");
                SoakReloads reloads =
                        reloadEvery == null
                                ? null
                                : SoakReloads.prepare(
                                        platform, disk, mode == Mode.COLD, reloadEvery);
                SoakRun run = SoakRun.start(access, options)) {
            Duration time = Duration.ofNanos((long) (seconds * 1e9));
            result =
                    new Soaking(run, seed, time)
                            .run(reloads == null ? null : reloads.plan(run), file);
        }
        if (!out.json(result)) {
            print(out, result);
        }
        if (!result.problems().isEmpty()) {
            throw new CommandFailed(verdict(disk, result));
        }
    }

    private static String verdict(Disk disk, SoakResult r) {
        return "%s: %d failed, %d lost, %d torn, %d stale, %d misplaced, %d of %d reloads %s; %s"
                .formatted(
                        disk.name(),
                        r.failed(),
                        r.lost(),
                        r.torn(),
                        r.stale(),
                        r.misplaced(),
                        r.mode() == null || r.mode().equals("warm")
                                ? r.warm()
                                : r.reloads() - r.warm(),
                        r.reloads(),
                        r.mode() == null ? "asked for" : r.mode(),
                        String.join("; ", r.problems()));
    }

    private static void print(Output out, SoakResult r) {
        out.line(
                String.format(
                        Locale.ROOT,
                        "%d requests, %s in %.1f s, looked at on the disk%s",
                        r.ios(),
                        Sizes.text(r.bytes()),
                        r.seconds(),
                        r.image() == null ? "" : " and in " + r.image()));
        out.line(
                String.format(
                        Locale.ROOT,
                        "%d failed, %d lost, %d torn, %d stale, %d misplaced",
                        r.failed(),
                        r.lost(),
                        r.torn(),
                        r.stale(),
                        r.misplaced()));
        if (r.mode() == null) {
            out.line(
                    String.format(
                            Locale.ROOT,
                            "%.0f IOPS at first, %.0f at last",
                            r.iopsBefore(),
                            r.iopsAfter()));
            out.line(spread("latency of requests", r.latencyOutsideMs()));
            return;
        }
        out.line(
                String.format(
                        Locale.ROOT,
                        "%d reloads (%d warm, %d rolled back), %d new class loaders, %d other"
                                + " bundles touched",
                        r.reloads(),
                        r.warm(),
                        r.rolledBack(),
                        r.newClassLoaders(),
                        r.otherBundlesTouched()));
        out.line(
                String.format(
                        Locale.ROOT,
                        "requests: %d adopted, %d replayed, %d parked",
                        r.adopted(),
                        r.replayed(),
                        r.parked()));
        out.line(spread("pause", r.pauseMs()));
        out.line(spread("latency of requests during reloads", r.latencyMs()));
        out.line(spread("of the slowest one of each reload", r.worstLatencyMs()));
        out.line(spread("of requests outside reloads", r.latencyOutsideMs()));
        out.line(
                String.format(
                        Locale.ROOT,
                        "%.0f IOPS before, %.0f after; recovery %s",
                        r.iopsBefore(),
                        r.iopsAfter(),
                        r.recoveryMs() == null
                                ? "unknown"
                                : String.format(Locale.ROOT, "%.0f ms", r.recoveryMs())));
    }

    private static String spread(String what, SoakResult.Spread s) {
        return String.format(
                Locale.ROOT,
                "%s: median %.2f ms, 99 %% %.2f ms, max %.2f ms",
                what,
                s.p50(),
                s.p99(),
                s.max());
    }
}
