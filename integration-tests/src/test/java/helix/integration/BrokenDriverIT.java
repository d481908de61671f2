package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.modules.api.binder.Binder;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.CoreOptions;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;

/// A broken driver is put in place of the good one under verified load: the good one serves again
/// soon, and no request fails.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class BrokenDriverIT {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    /// How long a client may wait, and how soon after a crash the good revision serves.
    private static final Duration SERVING = Duration.ofSeconds(2);

    /// What a driver that hangs says it takes at most, and how often an agent must come back.
    private static final Duration DEADLINE = Duration.ofSeconds(1);

    private static final String GOOD = "0.2.0";
    private static final String DISK_FILE = "helix.it.image";
    private static final String JARS = "helix.it.jars";
    private static final int MEBIBYTES = 32;
    private static final int BLOCK = 512;

    @Inject private BundleContext context;
    private Reloads reloads;
    private Binder binder;
    private Disk disk;
    private DiskLoad load;

    @Configuration
    public Option[] platform() throws Exception {
        Path image = Platform.scratchFile(MEBIBYTES);
        Path jars = Files.createTempDirectory("helix-it-jars");
        int number = 0;
        for (String kind : DriverJar.KINDS) {
            DriverJar.writeNvme(jars.resolve(kind + ".jar"), kind, "0.2." + number++, Map.of());
        }
        DriverJar.writeNvme(
                jars.resolve("Unresolved.jar"),
                "Good",
                "0.3.0",
                Map.of("Import-Package", "planted.nothing, !org.jspecify.annotations, *"));
        return Stream.concat(
                        Stream.of(Platform.onQemu(image.toString())),
                        Stream.of(
                                CoreOptions.frameworkProperty(DISK_FILE).value(image.toString()),
                                CoreOptions.frameworkProperty(JARS).value(jars.toString())))
                .toArray(Option[]::new);
    }

    /// One boot, because that is what takes the time; and one load all the way.
    @Test
    public void aBrokenDriverIsReplacedByTheGoodOneUnderLoad() throws Exception {
        long seed = Long.getLong("helix.seed", System.nanoTime());
        System.out.println("BrokenDriverIT: seed " + seed);
        if (!Boolean.getBoolean("helix.full")) {
            System.setProperty("helix.it.crash.ms", "1500");
        }
        reloads = Platform.service(context, Reloads.class);
        binder = Platform.service(context, Binder.class);
        disk = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        Ledger ledger = new Ledger(seed, BLOCK, (MEBIBYTES << 20) / BLOCK);
        try (DiskLoad running = DiskLoad.start(disk, ledger, seed)) {
            load = running;
            load.awaitMore(200, LIMIT);
            theGoodOneIsTakenWarm();

            refused("Unresolved", "planted.nothing");
            refused("MakesThread", "THREADS");
            rolledBack("ThrowsInInit", "hand over", "planted in init", SERVING);
            rolledBack("ThrowsInStart", "hand over", "planted in start", SERVING);
            rolledBack("HangsInInit", "hand over", "init", SERVING.plus(DEADLINE));
            rolledBack("ShiftsReads", "verify", "", SERVING);
            crashes("ThrowsInHandler", "planted in the handler", SERVING);
            crashes("LoopsInAgent", "", SERVING.plus(DEADLINE));
            crashes("CrashesLater", "planted in the agent", SERVING);
            theOneThatHangsInStopIsReplaced();

            load.awaitMore(200, LIMIT);
            load.finish();
        } finally {
            System.setProperty("helix.it.release", "true"); // what hung ends
            System.out.println("BrokenDriverIT: failed " + ledger.failed());
        }
        assertThat(ledger.complaints()).as("seed %d", seed).isEmpty();
        Path image = Path.of(context.getProperty(DISK_FILE));
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ)) {
            ledger.recover(channel);
        }
        assertThat(ledger.complaints()).as("in the image, seed %d", seed).isEmpty();
        assertThat(ledger.failed()).isZero();
    }

    private void theGoodOneIsTakenWarm() throws Exception {
        ReloadReport report = update("Good");
        assertThat(report.outcome()).as("%s", report).isEqualTo(Outcome.COMMITTED);
        assertThat(report.otherBundlesTouched()).isZero();
        assertThat(report.devices())
                .singleElement()
                .satisfies(d -> {
                    assertThat(d.why()).isEmpty();
                    assertThat(d.warm()).isTrue();
                    assertThat(d.failed()).isZero();
                });
        theGoodOneServes(SERVING);
    }

    /// Nothing is stopped for it.
    private void refused(String kind, String reason) throws Exception {
        long generation = generation();
        ReloadReport report = update(kind);
        assertThat(report.outcome()).as("%s", report).isEqualTo(Outcome.REFUSED);
        assertThat(report.step()).isEqualTo("prepare");
        assertThat(report.reason()).contains(reason);
        assertThat(generation()).isEqualTo(generation);
        theGoodOneServes(SERVING);
    }

    private void rolledBack(String kind, String step, String reason, Duration serving)
            throws Exception {
        long generation = generation();
        ReloadReport report = update(kind);
        assertThat(report.outcome()).as("%s", report).isEqualTo(Outcome.ROLLED_BACK);
        assertThat(report.step()).as("%s", report).isEqualTo(step);
        assertThat(report.reason()).isNotEmpty().contains(reason);
        assertThat(report.devices()).allSatisfy(d -> assertThat(d.failed()).isZero());
        theGoodOneServes(serving);
        assertThat(generation()).as("a generation never resumes").isGreaterThan(generation);
    }

    /// It is committed, and crashes within the probation time.
    private void crashes(String kind, String reason, Duration serving) throws Exception {
        System.clearProperty("helix.it.broke");
        ReloadReport update = update(kind);
        assertThat(update.outcome()).as("%s", update).isEqualTo(Outcome.COMMITTED);
        Platform.await(kind + " breaks", LIMIT, () -> System.getProperty("helix.it.broke") != null);
        long broke = Long.getLong("helix.it.broke");
        Platform.await("the good revision serves", LIMIT, this::isGoodOneServing);
        Duration after = Duration.ofNanos(System.nanoTime() - broke);
        Platform.await("a report", LIMIT, () -> reloads.reports().getLast().id() > update.id());
        ReloadReport report = reloads.reports().getLast();
        System.out.printf(
                "BrokenDriverIT: %s: good again %d ms after it broke: %s%n",
                kind, after.toMillis(), report);
        assertThat(after).as("%s", report).isLessThan(serving);
        assertThat(report.outcome()).as("%s", report).isEqualTo(Outcome.ROLLED_BACK);
        assertThat(report.step()).as("%s", report).isEqualTo("probation");
        assertThat(report.cause() + report.reason()).contains(reason);
        theGoodOneServes(serving);
    }

    /// It serves well, and cannot be stopped: what comes after it must not wait for it.
    private void theOneThatHangsInStopIsReplaced() throws Exception {
        ReloadReport update = update("HangsInStop");
        assertThat(update.outcome()).as("%s", update).isEqualTo(Outcome.COMMITTED);
        assertThat(update.devices()).allSatisfy(d -> assertThat(d.warm()).isFalse());
        load.awaitMore(50, LIMIT);
        load.workload().longestNanos();
        ReloadReport report = update("Good");
        assertThat(report.outcome()).as("%s", report).isEqualTo(Outcome.COMMITTED);
        assertThat(report.devices())
                .allSatisfy(d -> assertThat(d.why()).as("%s", report).isNotEmpty());
        theGoodOneServes(SERVING.plus(DEADLINE));
    }

    private ReloadReport update(String kind) {
        Path jar = Path.of(context.getProperty(JARS)).resolve(kind + ".jar");
        load.workload().longestNanos();
        ReloadReport report = reloads.update("nvme", jar, Reloads.Options.STANDARD);
        System.out.println("BrokenDriverIT: " + kind + ": " + report);
        return report;
    }

    /// Requests go on ending, none of them waited longer, and it is the good revision that serves.
    private void theGoodOneServes(Duration longest) throws Exception {
        load.awaitMore(50, LIMIT);
        Duration waited = Duration.ofNanos(load.workload().longestNanos());
        System.out.println("BrokenDriverIT: the longest request took " + waited.toMillis() + " ms");
        assertThat(waited).as("the longest request").isLessThan(longest);
        assertThat(isGoodOneServing()).as("%s", binder.modules()).isTrue();
    }

    private boolean isGoodOneServing() {
        return binder.module("nvme0")
                .filter(m -> m.state() == Binder.State.RUNNING && m.version().equals(GOOD))
                .isPresent();
    }

    private long generation() {
        return binder.module("nvme0").orElseThrow().generation();
    }
}
