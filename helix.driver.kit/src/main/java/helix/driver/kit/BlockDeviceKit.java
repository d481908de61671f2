package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The contract of [BlockDevice] as cases that any device can be put to: SPDK's bdevio by name, and
/// what Helix's queues promise beside. It knows no test framework: a case that fails throws
/// `AssertionError`, one that does not apply says why.
///
/// The device's contents are destroyed. While a case runs nothing else may use the device. A device
/// must have at least [#LEAST_BYTES].
///
/// Immutable; the methods that change something return a changed copy.
public final class BlockDeviceKit {
    /// The capacity that the cases need, in bytes.
    public static final long LEAST_BYTES = 4 << 20;

    /// A case.
    ///
    /// @param name what is tried
    /// @param skip why it does not apply to this device, empty if it does
    /// @param body tries it; throws `AssertionError` when the device fails
    public record Case(String name, Optional<String> skip, Runnable body) {}

    /// What became of all cases.
    ///
    /// @param passed names of the cases that passed
    /// @param skipped names and reasons
    /// @param failed names and messages
    /// @param failures what the failed cases threw
    public record Report(
            List<String> passed,
            List<String> skipped,
            List<String> failed,
            List<Throwable> failures) {
        /// Throws if a case failed, naming all that did.
        public void assertPassed() {
            if (!failed.isEmpty()) {
                AssertionError error = new AssertionError(String.join("\n", failed));
                failures.forEach(error::addSuppressed);
                throw error;
            }
        }
    }

    /// What the cases need to know.
    ///
    /// @param device asked anew for each case
    /// @param seed for random numbers
    /// @param rounds requests of the random workload
    /// @param reset resets the device
    /// @param powerCut makes the device lose its volatile cache
    /// @param allocation whether to measure allocation
    record Setup(
            Supplier<BlockDevice> device,
            long seed,
            int rounds,
            @Nullable Runnable reset,
            @Nullable Runnable powerCut,
            boolean allocation) {}

    private final Setup setup;

    private BlockDeviceKit(Setup setup) {
        this.setup = setup;
    }

    /// A kit for a device.
    ///
    /// @param device gives the device, asked anew for each case
    /// @return the kit
    public static BlockDeviceKit of(Supplier<BlockDevice> device) {
        return new BlockDeviceKit(new Setup(device, 20_260_101L, 2_000, null, null, false));
    }

    /// With another seed for the random workloads; messages name it.
    ///
    /// @param seed any number
    /// @return a copy
    public BlockDeviceKit withSeed(long seed) {
        Setup s = setup;
        return new BlockDeviceKit(
                new Setup(s.device, seed, s.rounds, s.reset, s.powerCut, s.allocation));
    }

    /// With longer or shorter random workloads.
    ///
    /// @param rounds requests
    /// @return a copy
    public BlockDeviceKit withRounds(int rounds) {
        Setup s = setup;
        return new BlockDeviceKit(
                new Setup(s.device, s.seed, rounds, s.reset, s.powerCut, s.allocation));
    }

    /// With a way to reset the device.
    ///
    /// @param reset returns when the device serves again; the supplier then gives what serves
    /// @return a copy
    public BlockDeviceKit withReset(Runnable reset) {
        Setup s = setup;
        return new BlockDeviceKit(
                new Setup(s.device, s.seed, s.rounds, reset, s.powerCut, s.allocation));
    }

    /// With a way to make the device lose what is not durable.
    ///
    /// @param powerCut returns when the device serves again; the supplier then gives what serves
    /// @return a copy
    public BlockDeviceKit withPowerCut(Runnable powerCut) {
        Setup s = setup;
        return new BlockDeviceKit(
                new Setup(s.device, s.seed, s.rounds, s.reset, powerCut, s.allocation));
    }

    /// With a case that measures what a request allocates on the submitting thread.
    ///
    /// @return a copy
    public BlockDeviceKit withAllocationMeasured() {
        Setup s = setup;
        return new BlockDeviceKit(new Setup(s.device, s.seed, s.rounds, s.reset, s.powerCut, true));
    }

    /// All cases. Asks the device what it can do, so that cases that do not apply say so.
    ///
    /// @return each case, those to be skipped too
    public List<Case> cases() {
        BlockDevice device = setup.device.get();
        long capacity = device.totalBlocks() * device.blockSize();
        if (capacity < LEAST_BYTES) {
            throw new IllegalArgumentException(
                    "the cases need " + LEAST_BYTES + " bytes, the device has " + capacity);
        }
        Cases cases = new Cases(setup, device);
        new BdevioCases(cases).list();
        new VectorCases(cases).list();
        new QueueCases(cases).list();
        new LimitCases(cases).list();
        new DurabilityCases(cases).list();
        new WorkloadCases(cases).list();
        return cases.all();
    }

    /// Runs all cases, for callers without a test framework that takes them one by one.
    ///
    /// @param log told a line for each case
    /// @return what became of them
    public Report runAll(Consumer<String> log) {
        List<String> passed = new ArrayList<>();
        List<String> skipped = new ArrayList<>();
        List<String> failed = new ArrayList<>();
        List<Throwable> failures = new ArrayList<>();
        for (Case each : cases()) {
            if (each.skip().isPresent()) {
                skipped.add(each.name() + ": " + each.skip().get());
                log.accept("skip " + skipped.getLast());
                continue;
            }
            try {
                each.body().run();
                passed.add(each.name());
                log.accept("ok   " + each.name());
            } catch (AssertionError | RuntimeException e) {
                failed.add(each.name() + ": " + e.getMessage());
                failures.add(e);
                log.accept("FAIL " + failed.getLast());
            }
        }
        return new Report(passed, skipped, failed, failures);
    }
}
