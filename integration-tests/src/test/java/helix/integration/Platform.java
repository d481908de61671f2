package helix.integration;

import static org.ops4j.pax.exam.CoreOptions.bundle;
import static org.ops4j.pax.exam.CoreOptions.frameworkProperty;
import static org.ops4j.pax.exam.CoreOptions.systemPackages;
import static org.ops4j.pax.exam.CoreOptions.systemProperty;
import static org.ops4j.pax.exam.CoreOptions.url;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.options.FrameworkPropertyOption;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Filter;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.util.tracker.ServiceTracker;

/// The distribution's bundles in a framework under test, and waits for what they do.
final class Platform {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    /// What the framework takes from the class path of the tests.
    private static final String[] PACKAGES = {
        "org.junit;version=4.13.2",
        "org.junit.internal;version=4.13.2",
        "org.junit.internal.requests;version=4.13.2",
        "org.junit.internal.runners.model;version=4.13.2",
        "org.junit.rules;version=4.13.2",
        "org.junit.runner;version=4.13.2",
        "org.junit.runner.manipulation;version=4.13.2",
        "org.junit.runner.notification;version=4.13.2",
        "org.junit.runners;version=4.13.2",
        "org.junit.runners.model;version=4.13.2",
        "org.hamcrest",
        "javax.inject",
        "javax.xml.bind",
        "com.sun.management",
        "org.assertj.core.api",
        "org.assertj.core.api.iterable",
        "org.assertj.core.data"
    };

    private Platform() {}

    /// The platform on QEMU with these disks.
    static Option[] onQemu(String... disks) {
        return onQemu(List.of(), disks);
    }

    /// The platform on QEMU with further arguments to it.
    static Option[] onQemu(List<String> qemuArguments, String... disks) {
        try {
            Path distribution = Path.of(System.getProperty("helix.distribution"));
            Path instance = Files.createTempDirectory("helix-it");
            Files.createDirectories(instance.resolve("conf"));
            Files.createDirectories(instance.resolve("deploy"));
            List<Option> options = new ArrayList<>();
            options.add(property("helix.home", distribution.toString()));
            options.add(property("helix.instance", instance.toString()));
            options.add(property("helix.conf", instance.resolve("conf").toString()));
            options.add(property("helix.deploy", instance.resolve("deploy").toString()));
            options.add(property("helix.machine", "qemu"));
            options.add(property("helix.disks", String.join("\n", disks)));
            options.add(property("helix.qemu.args", String.join("\n", qemuArguments)));
            options.add(bundle(System.getProperty("helix.kit")).startLevel(4));
            options.add(property("org.osgi.framework.bsnversion", "multiple"));
            options.add(systemPackages(PACKAGES));
            options.add(
                    systemProperty("org.ops4j.pax.logging.DefaultServiceLog.level").value("WARN"));
            // Runs JUnit 4 inside the framework; JUnit itself comes from the class path.
            options.add(url("link:classpath:META-INF/links/org.ops4j.pax.exam.invoker.junit.link"));
            // In the distribution the framework lends its own to the bundles.
            options.add(bundle(distribution.resolve("lib/picocli.jar").toUri().toString()));
            try (Stream<Path> jars = Files.list(distribution.resolve("bundles"))) {
                jars.filter(j -> j.toString().endsWith(".jar"))
                        .filter(j -> !isForLauncher(j))
                        .sorted(Comparator.comparing(Platform::isOurs).thenComparing(j -> j))
                        .forEach(j ->
                                options.add(
                                        bundle(j.toUri().toString())
                                                .startLevel(isOurs(j) ? 4 : 3)));
            }
            return options.toArray(Option[]::new);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// The platform on the embedded machine with a profile of these lines, and these disks.
    static Option[] onSim(List<String> profile, String... disks) {
        try {
            Path file = Files.createTempFile("helix-it", ".profile");
            file.toFile().deleteOnExit();
            Files.write(file, profile);
            List<Option> options = new ArrayList<>();
            for (Option option : onQemu(disks)) {
                boolean ofQemu =
                        option instanceof FrameworkPropertyOption given
                                && (given.getKey().equals("helix.machine")
                                        || given.getKey().startsWith("helix.qemu"));
                if (!ofQemu) {
                    options.add(option);
                }
            }
            options.add(property("helix.machine", "sim"));
            options.add(property("helix.profile", file.toString()));
            return options.toArray(Option[]::new);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// A sparse file that goes with this JVM.
    static Path scratchFile(int mebibytes) {
        try {
            Path path = Files.createTempFile("helix-it", ".raw");
            path.toFile().deleteOnExit();
            try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
                file.setLength((long) mebibytes << 20);
            }
            return path;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isOurs(Path jar) {
        return jar.getFileName().toString().startsWith("helix.");
    }

    /// Sessions, what installs files, and the log's files are the launcher's to set up; its tests
    /// use them.
    private static boolean isForLauncher(Path jar) {
        String name = jar.getFileName().toString();
        return name.contains("jline")
                || name.contains("fileinstall")
                || name.contains("helix.session")
                || name.contains("logback");
    }

    private static Option property(String name, String value) {
        return frameworkProperty(name).value(value);
    }

    static Bundle find(BundleContext context, String symbolicName) {
        return Stream.of(context.getBundles())
                .filter(b -> symbolicName.equals(b.getSymbolicName()))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no bundle " + symbolicName));
    }

    static <T> T service(BundleContext context, Class<T> type) throws InterruptedException {
        return service(context, type, "(objectClass=*)");
    }

    /// Waits for a service.
    static <T> T service(BundleContext context, Class<T> type, String filter)
            throws InterruptedException {
        ServiceTracker<T, T> tracker;
        try {
            Filter both =
                    FrameworkUtil.createFilter(
                            "(&(objectClass=" + type.getName() + ")" + filter + ")");
            tracker = new ServiceTracker<>(context, both, null);
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException(filter, e);
        }
        tracker.open();
        try {
            T service = tracker.waitForService(LIMIT.toMillis());
            if (service == null) {
                throw new AssertionError("no " + type.getName() + filter + " within " + LIMIT);
            }
            return service;
        } finally {
            tracker.close();
        }
    }

    /// Waits until something holds.
    static void await(String what, Duration limit, BooleanSupplier condition)
            throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end > 0) {
                throw new AssertionError("not within " + limit + ": " + what);
            }
            Thread.sleep(5);
        }
    }
}
