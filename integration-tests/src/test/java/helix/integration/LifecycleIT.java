package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.hal.api.DmaService;
import helix.hal.api.PciDevice;
import helix.modules.api.binder.Binder;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;

/// Stop, start and update of the driver, the HAL and the machine come back clean, and leave nothing
/// behind.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class LifecycleIT {
    private static final String DRIVER = "helix.driver.block.nvme";
    private static final Duration LIMIT = Duration.ofSeconds(15);

    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() {
        return Platform.onQemu("mem:64M");
    }

    private static int rounds() {
        return Boolean.getBoolean("helix.full") ? 200 : 15;
    }

    @Test
    public void stoppingAndStartingTheDriverLeavesNothingBehind() throws Exception {
        Bundle driver = Platform.find(context, DRIVER);
        leavesNothingBehind(
                false,
                () -> {
                    driver.stop();
                    awaitState(Disk.State.DRIVERLESS);
                    driver.start();
                    awaitState(Disk.State.PRESENT);
                });
    }

    @Test
    public void updatingTheDriverLeavesNothingBehind() throws Exception {
        Bundle driver = Platform.find(context, DRIVER);
        Path jar = Path.of(URI.create(driver.getLocation()));
        leavesNothingBehind(
                true,
                () -> {
                    long before = generation();
                    try (InputStream in = Files.newInputStream(jar)) {
                        driver.update(in);
                    }
                    Platform.await("a new generation", LIMIT, () -> generation() > before);
                    awaitState(Disk.State.PRESENT);
                });
    }

    @Test
    public void theHalStopsAndStartsUnderTheDriver() throws Exception {
        restart("helix.hal");
    }

    @Test
    public void theMachineStopsAndStartsUnderTheDriver() throws Exception {
        restart("helix.hal.qemu");
        assertThat(Qemu.runningUnder(ProcessHandle.current())).isEqualTo(1);
    }

    private void restart(String bundle) throws Exception {
        awaitState(Disk.State.PRESENT);
        int threads = threads();
        Bundle hal = Platform.find(context, bundle);
        hal.stop();
        awaitState(Disk.State.ABSENT);
        hal.start();
        awaitState(Disk.State.PRESENT);
        readSomething();
        Platform.await(
                "as many threads as before (" + threads + "): " + threadNames(),
                LIMIT,
                () -> threads() <= threads);
    }

    private interface Round {
        void run() throws Exception;
    }

    private void leavesNothingBehind(boolean newLoaders, Round round) throws Exception {
        awaitState(Disk.State.PRESENT);
        for (int i = 0; i < 5; i++) {
            round.run();
            readSomething();
        }
        int classes = classes();
        long gone = ManagementFactory.getClassLoadingMXBean().getUnloadedClassCount();
        int threads = threads();
        long files = openFiles();
        DmaService.Usage memory = dma();
        for (int i = 0; i < rounds(); i++) {
            round.run();
        }
        readSomething();
        Platform.await(
                "as many threads as before (" + threads + "): " + threadNames(),
                LIMIT,
                () -> threads() <= threads);
        assertThat(openFiles()).as("open files").isLessThanOrEqualTo(files);
        assertThat(dma()).as("DMA memory handed out").isEqualTo(memory);
        // The newest generation's classes are loaded, and one before it may wait for its
        // collection.
        int perGeneration = classFiles();
        Platform.await(
                "about as many classes as before (" + classes + ")",
                LIMIT,
                () -> classes() <= classes + 4 * perGeneration);
        if (newLoaders) {
            long unloaded =
                    ManagementFactory.getClassLoadingMXBean().getUnloadedClassCount() - gone;
            assertThat(unloaded)
                    .as("classes unloaded in %d updates", rounds())
                    .isGreaterThanOrEqualTo((long) (rounds() - 4) * perGeneration / 2);
        }
    }

    private void awaitState(Disk.State state) throws InterruptedException {
        Disk disk = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        Platform.await("nvme0n1 is " + state, LIMIT, () -> disk.state() == state);
    }

    private long generation() {
        try {
            return Platform.service(context, Binder.class)
                    .module("nvme0")
                    .map(Binder.ModuleStatus::generation)
                    .orElse(0L);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    private void readSomething() throws InterruptedException {
        Disk disk = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        try (Disk.Access access = disk.open(Disk.OpenMode.READ, "test");
                Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(8192);
            access.readBlock(0, target);
        }
    }

    private DmaService.Usage dma() throws InterruptedException {
        PciDevice nvme = Platform.service(context, PciDevice.class, "(pci.class=010802)");
        return Platform.service(context, DmaService.class).usage(nvme);
    }

    /// How many classes the driver has that are loaded in each generation: at least half of its
    /// files.
    private int classFiles() {
        return Collections.list(Platform.find(context, DRIVER).findEntries("/", "*.class", true))
                .size();
    }

    private static int classes() {
        System.gc();
        return ManagementFactory.getClassLoadingMXBean().getLoadedClassCount();
    }

    private static List<String> threadNames() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(n -> !n.startsWith("ForkJoinPool.commonPool")) // the JDK's, end when idle
                .sorted()
                .toList();
    }

    private static int threads() {
        return threadNames().size();
    }

    private static long openFiles() throws Exception {
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return files.count();
        }
    }
}
