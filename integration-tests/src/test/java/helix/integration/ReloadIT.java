package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.hal.api.DmaService;
import helix.hal.api.PciDevice;
import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.ReloadReport.Outcome;
import helix.modules.api.reload.Reloads;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.ref.WeakReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.CoreOptions;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.ServiceListener;
import org.osgi.framework.SynchronousBundleListener;
import org.osgi.framework.wiring.BundleWiring;

/// What reloads leave behind, whom else they touch, and what happens when many things are done at
/// the same time.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class ReloadIT {
    private static final String DRIVER = "helix.driver.block.nvme";
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final String JARS = "helix.it.jars";
    private static final double TOLERANCE = 1.02;
    private static final int WARM_UPS = 20;
    private static final int THREADS = 8;

    @Inject private BundleContext context;
    private Reloads reloads;
    private Binder binder;
    private Disk disk;

    @Configuration
    public Option[] platform() throws Exception {
        Path jars = Files.createTempDirectory("helix-it-jars");
        DriverJar.writeNvme(jars.resolve("a.jar"), "Good", "0.2.0", Map.of());
        DriverJar.writeNvme(jars.resolve("b.jar"), "Good", "0.2.1", Map.of());
        return Stream.concat(
                        Stream.of(Platform.onQemu("mem:64M")),
                        Stream.of(CoreOptions.frameworkProperty(JARS).value(jars.toString())))
                .toArray(Option[]::new);
    }

    private static boolean full() {
        return Boolean.getBoolean("helix.full");
    }

    /// Pax Exam calls no `@Before` in the container.
    private void find() throws Exception {
        reloads = Platform.service(context, Reloads.class);
        binder = Platform.service(context, Binder.class);
        disk = Platform.service(context, Disk.class, "(disk.name=nvme0n1)");
        Platform.await("a driver", LIMIT, () -> disk.state() == Disk.State.PRESENT);
    }

    // --- Leaks ----------------------------------------------------------------------------------

    /// What must come back to its level.
    private record Level(int threads, long files, long metaspace, DmaService.Usage memory) {}

    @Test
    public void reloadsLeaveNothingBehind() throws Exception {
        find();
        for (int i = 0; i < WARM_UPS; i++) {
            reload(i);
        }
        Level before = level();
        List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
        loaders.add(new WeakReference<>(loader()));
        for (int i = 0; i < (full() ? 1000 : 100); i++) {
            reload(i);
            ClassLoader loader = loader();
            assertThat(loaders.getLast().get()).as("a new class loader").isNotSameAs(loader);
            loaders.add(new WeakReference<>(loader));
        }
        Platform.await(
                "class loaders of the present generation, and of the one to go back to, only",
                LIMIT,
                () -> alive(loaders) <= 2);
        Platform.await(
                "as many threads as before (" + before + "): " + threadNames(),
                LIMIT,
                () -> threadNames().size() <= before.threads);
        Level after = level();
        System.out.println("ReloadIT: before " + before + ", after " + after);
        assertThat(after.memory).as("DMA memory handed out").isEqualTo(before.memory);
        assertThat((double) after.files)
                .as("open files")
                .isLessThanOrEqualTo(before.files * TOLERANCE);
        assertThat((double) after.metaspace)
                .as("metaspace in bytes")
                .isLessThanOrEqualTo(before.metaspace * TOLERANCE);
    }

    /// Mostly warm, at times cold, and the disk is read each time.
    private void reload(int number) {
        boolean cold = number % 10 == 9;
        ReloadReport report =
                reloads.reload("nvme", new Reloads.Options(cold, false, Duration.ofSeconds(10)));
        assertThat(report.outcome()).as("%s", report).isEqualTo(Outcome.COMMITTED);
        assertThat(report.otherBundlesTouched()).isZero();
        assertThat(report.devices())
                .singleElement()
                .satisfies(d -> assertThat(d.warm()).as("%s", report).isEqualTo(!cold));
        read();
    }

    private Level level() throws Exception {
        System.gc();
        PciDevice nvme = Platform.service(context, PciDevice.class, "(pci.class=010802)");
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return new Level(
                    threadNames().size(),
                    files.count(),
                    metaspace(),
                    Platform.service(context, DmaService.class).usage(nvme));
        }
    }

    private static long metaspace() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(p -> p.getName().equals("Metaspace"))
                .mapToLong((MemoryPoolMXBean p) -> p.getUsage().getUsed())
                .sum();
    }

    private static long alive(List<WeakReference<ClassLoader>> loaders) {
        System.gc();
        return loaders.stream().filter(l -> l.get() != null).count();
    }

    private static List<String> threadNames() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(n -> !n.startsWith("ForkJoinPool.commonPool")) // the JDK's, end when idle
                .sorted()
                .toList();
    }

    /// Of the revision that serves.
    private ClassLoader loader() {
        long id =
                binder.drivers().stream()
                        .filter(d -> d.name().equals("nvme") && !d.devices().isEmpty())
                        .findFirst()
                        .orElseThrow()
                        .bundleId();
        return context.getBundle(id).adapt(BundleWiring.class).getClassLoader();
    }

    // --- Others ---------------------------------------------------------------------------------

    @Test
    public void anUpdateTouchesNobodyElse() throws Exception {
        find();
        Queue<String> events = new ConcurrentLinkedQueue<>();
        SynchronousBundleListener bundles =
                e -> {
                    if (!DRIVER.equals(e.getBundle().getSymbolicName())) {
                        events.add("bundle event " + name(e));
                    }
                };
        ServiceListener services = e -> events.add("service event " + e.getType());
        List<Long> modified = lastModified();
        context.addBundleListener(bundles);
        context.addServiceListener(services, "(objectClass=" + Disk.class.getName() + ")");
        try {
            for (String jar : List.of("a.jar", "b.jar", "a.jar")) {
                for (boolean cold : new boolean[] {false, true}) {
                    ReloadReport report = update(jar, cold);
                    assertThat(report.outcome()).as("%s", report).isEqualTo(Outcome.COMMITTED);
                    assertThat(report.otherBundlesTouched()).isZero();
                    read();
                }
            }
            ReloadReport back = reloads.rollback("nvme", Reloads.Options.STANDARD);
            assertThat(back.outcome()).as("%s", back).isEqualTo(Outcome.COMMITTED);
            assertThat(back.to()).isNotEqualTo(back.from());
        } finally {
            context.removeServiceListener(services);
            context.removeBundleListener(bundles);
        }
        assertThat(events).isEmpty();
        assertThat(lastModified()).as("other bundles were changed at").isEqualTo(modified);
        assertThat(Platform.service(context, Disk.class, "(disk.name=nvme0n1)")).isSameAs(disk);
    }

    private static String name(BundleEvent event) {
        return event.getType() + " of " + event.getBundle();
    }

    private List<Long> lastModified() {
        return Stream.of(context.getBundles())
                .filter(b -> !DRIVER.equals(b.getSymbolicName()))
                .map(Bundle::getLastModified)
                .toList();
    }

    private ReloadReport update(String jar, boolean cold) {
        return reloads.update(
                "nvme",
                Path.of(context.getProperty(JARS)).resolve(jar),
                new Reloads.Options(cold, false, Duration.ofSeconds(10)));
    }

    // --- All at once ----------------------------------------------------------------------------

    @Test
    public void manyThreadsDoWhatTheyLike() throws Exception {
        find();
        long seed = Long.getLong("helix.seed", System.nanoTime());
        System.out.println("ReloadIT: seed " + seed);
        AtomicInteger left = new AtomicInteger(full() ? 10_000 : 500);
        Set<String> wrong = ConcurrentHashMap.newKeySet();
        CountDownLatch ended = new CountDownLatch(THREADS);
        String id = binder.module("nvme0").orElseThrow().deviceId();
        int services = services();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
            Random random = new Random(seed + i);
            threads.add(
                    Thread.ofPlatform()
                            .name("chaos " + i)
                            .start(() -> {
                                try {
                                    while (left.decrementAndGet() >= 0) {
                                        operate(random, id, wrong);
                                    }
                                } finally {
                                    ended.countDown();
                                }
                            }));
        }
        Platform.await("everything is done", Duration.ofMinutes(10), () -> left.get() <= 0);
        binder.bind(id, "nvme"); // who waits for a driver gets one
        boolean isOver = ended.await(60, TimeUnit.SECONDS);
        if (!isOver) {
            threads.forEach(t -> wrong.add(t + " at " + List.of(t.getStackTrace())));
        }
        assertThat(isOver).as("all ended; %s", wrong).isTrue();
        assertThat(ManagementFactory.getThreadMXBean().findDeadlockedThreads()).isNull();
        assertThat(wrong).isEmpty();
        Platform.await("the disk serves again", LIMIT, () -> disk.state() == Disk.State.PRESENT);
        assertThat(binder.module(id).orElseThrow().state()).isEqualTo(Binder.State.RUNNING);
        read();
        Platform.await("as many services as before", LIMIT, () -> services() == services);
        assertThat(reloads.reload("nvme", Reloads.Options.STANDARD).outcome())
                .isEqualTo(Outcome.COMMITTED);
    }

    private void operate(Random random, String id, Set<String> wrong) {
        int dice = random.nextInt(100);
        try {
            if (dice < 4) {
                binder.unbind(id);
            } else if (dice < 14) {
                binder.bind(id, "nvme");
            } else if (dice < 16) {
                update(random.nextBoolean() ? "a.jar" : "b.jar", random.nextInt(4) == 0);
            } else if (dice < 18) {
                binder.rebind(id);
            } else if (dice < 30) {
                look(wrong);
            } else {
                readIfItServes();
            }
        } catch (ModuleError e) {
            // Somebody else was faster, as one who asks is told.
            if (e.getMessage() == null || e.getMessage().isBlank()) {
                wrong.add("an error without a reason");
            }
        } catch (RuntimeException | Error e) {
            wrong.add(e + " at " + Stream.of(e.getStackTrace()).limit(15).toList());
        }
    }

    /// A device has one module at most, and what is published is of a module that runs.
    private void look(Set<String> wrong) {
        List<Binder.ModuleStatus> modules = binder.modules();
        if (modules.stream().map(Binder.ModuleStatus::deviceId).distinct().count()
                < modules.size()) {
            wrong.add("more than one module of a device: " + modules);
        }
        for (Binder.ModuleStatus module : modules) {
            if (module.state() == Binder.State.ZOMBIE || module.state() == Binder.State.FAILED) {
                wrong.add("illegal state: " + module);
            }
        }
    }

    private void read() {
        try (Disk.Access access = disk.open(Disk.OpenMode.READ, "test");
                Arena arena = Arena.ofConfined()) {
            access.readBlock(0, arena.allocate(8192));
        }
    }

    /// Unbound, a read would wait for its driver: as long as others take their time.
    private void readIfItServes() {
        if (disk.state() == Disk.State.PRESENT) {
            read();
        }
    }

    private int services() {
        return Stream.of(context.getBundles())
                .map(Bundle::getRegisteredServices)
                .mapToInt(s -> s == null ? 0 : s.length)
                .sum();
    }
}
