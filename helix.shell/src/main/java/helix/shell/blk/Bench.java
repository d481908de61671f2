package helix.shell.blk;

import helix.block.api.Disk;
import helix.block.api.Disk.Backing;
import helix.driver.api.block.QueueOptions.Completion;
import helix.hal.api.machine.Machine;
import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Sizes;
import helix.shell.blk.engine.BenchOptions;
import helix.shell.blk.engine.BenchOptions.Access;
import helix.shell.blk.engine.BenchResult;
import helix.shell.blk.engine.BlockBench;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Measures a disk.
@Command(description = "Measures a disk with one queue; writing overwrites it.")
public final class Bench extends DiskReport {
    /// The request by which a driver measures a register access on its idle device.
    private static final String ROUND_TRIP = "mmio-round-trip";

    private static final int ROUND_TRIPS = 10_000;

    @Option(
            names = "--rw",
            paramLabel = "<access>",
            defaultValue = "randread",
            converter = AccessNames.class,
            completionCandidates = AccessNames.class,
            description = "${COMPLETION-CANDIDATES}; ${DEFAULT-VALUE}.")
    private Access access = Access.RANDREAD;

    @Option(
            names = "--bs",
            paramLabel = "<size>",
            defaultValue = "4k",
            converter = Sizes.class,
            description = "Size of a request; ${DEFAULT-VALUE}.")
    private long requestBytes;

    @Option(
            names = "--qd",
            paramLabel = "<number>",
            defaultValue = "32",
            description = "Requests in flight; ${DEFAULT-VALUE}.")
    private int depth;

    @Option(
            names = "--seconds",
            paramLabel = "<seconds>",
            defaultValue = "5",
            description = "How long to measure; ${DEFAULT-VALUE}.")
    private double seconds;

    @Option(
            names = "--warmup",
            paramLabel = "<seconds>",
            defaultValue = "2",
            description = "How long to run before that; ${DEFAULT-VALUE}.")
    private double warmUp;

    @Option(names = "--interrupt", description = "Wait for interrupts instead of polling.")
    private boolean interrupt;

    @Option(
            names = "--seed",
            paramLabel = "<number>",
            defaultValue = "1",
            description = "For the order of random requests; ${DEFAULT-VALUE}.")
    private long seed;

    /// Makes the command.
    ///
    /// @param platform where to act
    public Bench(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) {
        Disk disk = disk();
        if (requestBytes > Integer.MAX_VALUE) {
            throw new CommandFailed("--bs " + requestBytes + " is too large");
        }
        Backing backing = disk.backing().orElse(null);
        Machine machine = backing == null ? null : machine(backing.device());
        BenchOptions options =
                new BenchOptions(
                        access,
                        (int) requestBytes,
                        depth,
                        duration("--seconds", seconds),
                        duration("--warmup", warmUp),
                        seed,
                        interrupt ? Completion.INTERRUPT : Completion.POLLED,
                        machine == null ? null : () -> machine.counters().mmio(),
                        machine == null || machine.counters().modelNanos() == 0
                                ? null
                                : () -> machine.counters().modelNanos(),
                        backing == null ? null : mmioRoundTrip(backing.device()));
        Disk.OpenMode mode = access.writes() ? Disk.OpenMode.WRITE_EXCLUSIVE : Disk.OpenMode.READ;
        BenchResult result;
        try (Disk.Access open = disk.open(mode, "blk:bench --rw " + access)) {
            result = BlockBench.run(open, options);
        }
        if (!out.json(result)) {
            print(out, result);
        }
        if (result.errors() > 0) {
            throw new CommandFailed(result.errors() + " of " + result.ios() + " requests failed");
        }
    }

    private static Duration duration(String option, double seconds) {
        // NaN fails this, too.
        if (!(seconds >= 0 && seconds <= 1e6)) {
            throw new CommandFailed(option + " " + seconds + " is no time to measure for");
        }
        return Duration.ofNanos((long) (seconds * 1e9));
    }

    private @Nullable Machine machine(String deviceId) {
        String name =
                platform.devices().stream()
                        .filter(e -> e.device().id().equals(deviceId))
                        .map(e -> e.device().machine())
                        .findFirst()
                        .orElse(null);
        return platform.machines().stream()
                .filter(m -> m.name().equals(name))
                .findFirst()
                .orElse(null);
    }

    /// Only the driver may touch its device's registers, so it is asked; null if it does not know
    /// the question.
    private @Nullable DoubleSupplier mmioRoundTrip(String deviceId) {
        Binder binder = platform.binder().orElse(null);
        if (binder == null || roundTrip(binder, deviceId, 1).isEmpty()) {
            return null;
        }
        return () -> roundTrip(binder, deviceId, ROUND_TRIPS).orElse(Double.NaN);
    }

    private static OptionalDouble roundTrip(Binder binder, String deviceId, int count) {
        try {
            Object answer =
                    binder.request(deviceId, new Request(ROUND_TRIP, Map.of("count", count)));
            return answer instanceof Map<?, ?> map && map.get("medianNanos") instanceof Number n
                    ? OptionalDouble.of(n.doubleValue() / 1000)
                    : OptionalDouble.empty();
        } catch (ModuleError e) {
            return OptionalDouble.empty();
        }
    }

    private void print(Output out, BenchResult r) {
        out.line(
                String.format(
                        Locale.ROOT,
                        "%s %s, depth %d, %s: %.0f IOPS, %s/s",
                        access,
                        Sizes.text(requestBytes),
                        r.depth(),
                        interrupt ? "interrupts" : "polled",
                        r.iops(),
                        Sizes.text((long) r.bytesPerSecond())));
        BenchResult.Latency l = r.latencyUs();
        out.line(
                String.format(
                        Locale.ROOT,
                        "latency: median %.1f us, 99 %% %.1f us, 99.9 %% %.1f us, max %.1f us",
                        l.p50(),
                        l.p99(),
                        l.p999(),
                        l.max()));
        out.line(
                String.format(
                        Locale.ROOT,
                        "per request: %.3f bytes allocated, %s register accesses",
                        r.bytesAllocatedPerIo(),
                        r.mmioPerIo() == null
                                ? "uncounted"
                                : String.format(Locale.ROOT, "%.4f", r.mmioPerIo())));
        out.line(
                String.format(Locale.ROOT, "driver: %.0f ns per request", r.driverNsPerIo())
                        + (r.modelNsPerIo() == null
                                ? ""
                                : String.format(
                                        Locale.ROOT,
                                        ", simulated device: %.0f ns",
                                        r.modelNsPerIo())));
        if (r.mmioRoundTripUs() != null) {
            out.line(
                    String.format(
                            Locale.ROOT, "register round trip: %.2f us", r.mmioRoundTripUs()));
        }
        out.line(
                String.format(
                        Locale.ROOT,
                        "%d requests in %.2f s, %d errors",
                        r.ios(),
                        r.seconds(),
                        r.errors()));
    }
}
