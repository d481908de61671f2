package helix.driver.kit.net;

import helix.driver.api.net.NetworkDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// The contract of [NetworkDevice] as cases that any device can be put to. It knows no test
/// framework: a case that fails throws `AssertionError`, one that does not apply says why.
///
/// While a case runs nothing else may use the device or its wire. Frames of other kinds than the
/// cases' own are looked over.
///
/// Immutable; the methods that change something return a changed copy.
public final class NetworkDeviceKit {
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
    public record Report(List<String> passed, List<String> skipped, List<String> failed) {
        /// Throws if a case failed, naming all that did.
        public void assertPassed() {
            if (!failed.isEmpty()) {
                throw new AssertionError(String.join("\n", failed));
            }
        }
    }

    /// What the cases need to know.
    ///
    /// @param device asked anew for each case
    /// @param peer the other end of its wire
    /// @param depth of the queues that cases open
    /// @param allocation whether to measure allocation
    /// @param patience how long a frame may take, in nanoseconds
    record Setup(
            Supplier<NetworkDevice> device,
            NetPeer peer,
            int depth,
            boolean allocation,
            long patience) {}

    private static final int DEPTH = 16;
    private static final long PATIENCE = 5_000_000_000L;

    private final Setup setup;

    private NetworkDeviceKit(Setup setup) {
        this.setup = setup;
    }

    /// A kit for a device.
    ///
    /// @param device gives the device, asked anew for each case
    /// @param peer what is at the other end of its wire
    /// @return the kit
    public static NetworkDeviceKit of(Supplier<NetworkDevice> device, NetPeer peer) {
        return new NetworkDeviceKit(new Setup(device, peer, DEPTH, false, PATIENCE));
    }

    /// With deeper or shallower queues.
    ///
    /// @param depth frames, at least 4
    /// @return a copy
    public NetworkDeviceKit withDepth(int depth) {
        return new NetworkDeviceKit(
                new Setup(setup.device, setup.peer, depth, setup.allocation, setup.patience));
    }

    /// With a case that measures what a frame allocates on the thread that moves it.
    ///
    /// @return a copy
    public NetworkDeviceKit withAllocationMeasured() {
        return new NetworkDeviceKit(
                new Setup(setup.device, setup.peer, setup.depth, true, setup.patience));
    }

    /// With a shorter wait for a frame that does not come, where that is expected.
    ///
    /// @param millis how long
    /// @return a copy
    public NetworkDeviceKit withPatience(long millis) {
        return new NetworkDeviceKit(
                new Setup(
                        setup.device,
                        setup.peer,
                        setup.depth,
                        setup.allocation,
                        millis * 1_000_000));
    }

    /// All cases. Asks the device what it can do, so that cases that do not apply say so.
    ///
    /// @return each case, those to be skipped too
    public List<Case> cases() {
        NetCases cases = new NetCases(setup);
        new FrameCases(cases).list();
        new RingCases(cases).list();
        new LifeCases(cases).list();
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
                log.accept("FAIL " + failed.getLast());
            }
        }
        return new Report(passed, skipped, failed);
    }
}
