package helix.modules.internal;

import aQute.bnd.osgi.Builder;
import helix.hal.api.Deadline;
import helix.hal.api.lease.LeaseService;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import helix.modules.probe.Probe;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.felix.scr.info.ScrInfo;
import org.jspecify.annotations.NullMarked;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceRegistration;
import org.osgi.framework.launch.Framework;
import org.osgi.framework.launch.FrameworkFactory;
import org.osgi.service.component.ComponentFactory;
import org.osgi.util.function.Consumer;
import org.osgi.util.promise.Promise;
import org.osgi.util.tracker.ServiceTracker;

/// A framework with a component runtime and this bundle in it, beside leases without a HAL.
final class TestPlatform {
    private static final String SHARED =
            String.join(
                    ",",
                    "helix.hal.api;version=1.0.0",
                    "helix.hal.api.lease;version=1.0.0",
                    "helix.hal.api.machine;version=1.2.0",
                    "helix.modules.api;version=1.1.0",
                    "helix.modules.api.binder;version=1.0.0",
                    "helix.modules.api.reload;version=1.0.0",
                    "helix.modules.probe;version=1.0.0",
                    "org.slf4j;version=2.0.17",
                    "org.slf4j.event;version=2.0.17");

    private static final Map<String, byte[]> BUILT = new HashMap<>();

    final Framework framework;
    final BundleContext context;
    final Binder binder;
    final FakeLeases leases = new FakeLeases();
    final ServiceRegistration<LeaseService> hal;
    final Bundle modules;

    TestPlatform(Path folder) throws Exception {
        this(folder, Map.of());
    }

    TestPlatform(Path folder, Map<String, String> properties) throws Exception {
        Probe.reset();
        Map<String, String> config = new HashMap<>(properties);
        config.put(Constants.FRAMEWORK_STORAGE, folder.resolve("cache").toString());
        config.put(Constants.FRAMEWORK_STORAGE_CLEAN, "onFirstInit");
        config.put(Constants.FRAMEWORK_BSNVERSION, "multiple");
        config.put(Constants.FRAMEWORK_SYSTEMPACKAGES_EXTRA, SHARED);
        config.put("felix.log.level", "1");
        config.put("ds.loglevel", "1");
        // How long the component runtime waits for an instance that somebody else disposes of.
        config.put("ds.lock.timeout.milliseconds", "500");
        framework =
                java.util.ServiceLoader.load(FrameworkFactory.class)
                        .findFirst()
                        .orElseThrow()
                        .newFramework(config);
        framework.start();
        context = framework.getBundleContext();
        context.installBundle("file:" + jarOf(ComponentFactory.class));
        context.installBundle("file:" + jarOf(NullMarked.class));
        context.installBundle("file:" + jarOf(Promise.class));
        context.installBundle("file:" + jarOf(Consumer.class));
        context.installBundle("file:" + jarOf(ScrInfo.class)).start();
        modules = context.installBundle("reference:file:" + jarOf(BinderService.class));
        modules.start();
        hal = context.registerService(LeaseService.class, leases, null);
        ServiceTracker<Binder, Binder> tracker = new ServiceTracker<>(context, Binder.class, null);
        tracker.open();
        binder = tracker.waitForService(10_000);
    }

    private static String jarOf(Class<?> type) {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().getPath())
                .toString();
    }

    /// Builds a bundle of the classes of a package below `helix.modules.probe`.
    static byte[] bundle(String name, String version, Map<String, String> headers) {
        return BUILT.computeIfAbsent(name + version + headers, _ -> build(name, version, headers));
    }

    private static byte[] build(String name, String version, Map<String, String> headers) {
        try (Builder builder = new Builder()) {
            builder.setBundleSymbolicName("test." + name);
            builder.setBundleVersion(version);
            builder.setProperty("-dsannotations-options", "norequirements");
            builder.setProperty("-noclassforname", "true");
            builder.setProperty("-noee", "true");
            builder.setPrivatePackage("helix.modules.probe." + name);
            headers.forEach(builder::setProperty);
            for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
                if (new File(entry).exists()) {
                    builder.addClasspath(new File(entry));
                }
            }
            builder.build();
            if (!builder.getErrors().isEmpty()) {
                throw new IllegalStateException(builder.getErrors().toString());
            }
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            builder.getJar().write(bytes);
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /// Installs and starts the probe driver.
    Bundle driver(String version) throws BundleException {
        return install("driver", version);
    }

    Bundle install(String name, String version) throws BundleException {
        byte[] jar = bundle(name, version, Map.of());
        Bundle bundle = context.installBundle(name + "-" + version, new ByteArrayInputStream(jar));
        bundle.start();
        return bundle;
    }

    FakeDevice device(String address) {
        return FakeDevice.nvme(address).register(context);
    }

    void settle() {
        var open = binder.awaitSettled(Deadline.afterMillis(10_000));
        if (!open.isEmpty()) {
            throw new AssertionError("not settled: " + open + " " + binder.modules());
        }
    }

    ModuleStatus module(String device) {
        return binder.module(device).orElseThrow(() -> new AssertionError("no " + device));
    }

    void await(String device, State state) {
        await(
                device + " " + state,
                () -> binder.module(device).isPresent() && module(device).state() == state);
    }

    /// Waits for something that others do; looks often.
    void await(String what, BooleanSupplier condition) {
        Deadline deadline = Deadline.after(Duration.ofSeconds(10));
        while (!condition.getAsBoolean()) {
            if (deadline.isExpired()) {
                throw new AssertionError(what + " did not come; " + binder.modules());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
        }
    }

    static void write(Path file, byte[] bytes) throws IOException {
        Path draft = file.resolveSibling(file.getFileName() + ".tmp");
        Files.write(draft, bytes);
        Files.move(
                draft,
                file,
                java.nio.file.StandardCopyOption.ATOMIC_MOVE,
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }

    void close() throws Exception {
        Probe.release();
        framework.stop();
        framework.waitForStop(20_000);
        Probe.reset();
    }
}
