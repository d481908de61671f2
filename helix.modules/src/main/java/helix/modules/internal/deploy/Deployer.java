package helix.modules.internal.deploy;

import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Deployments;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads;
import helix.modules.internal.reload.RevisionStore;
import helix.modules.internal.reload.RevisionStore.Rejection;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleException;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Follows the deploy folder: a new jar is installed and started, a changed one updated, a removed
/// one uninstalled. A jar of a driver that is here is the reload engine's: it replaces the driver
/// while its devices serve. A jar counts once it has looked the same twice, so that one that is
/// still being written is left alone.
///
/// The framework keeps a copy of the jar, and the bundle's location, `helix-deploy:` and the file's
/// name, tells after a restart which bundle came from which file.
@Component(service = Deployments.class, immediate = true)
public final class Deployer implements Deployments {
    private static final String SCHEME = "helix-deploy:";
    private static final Duration PERIOD = Duration.ofMillis(250);
    private static final Logger LOG = LoggerFactory.getLogger(Deployer.class);

    /// How a file looked.
    private record Look(long size, long modified) {}

    private final BundleContext context;
    private final JarCheck check;
    private final @Nullable Path folder;
    private final Map<String, Look> seen = new TreeMap<>();
    private final Map<String, Look> done = new TreeMap<>();
    private final Map<String, Deployment> deployments = new TreeMap<>();

    /// The symbolic names of what files have brought into service.
    private final Map<String, String> drivers = new TreeMap<>();

    /// How many rejections of jars have been looked at.
    private long rejections;

    private final Binder binder;
    private final @Nullable DriverUpdates updates;
    private final @Nullable ScheduledThreadPoolExecutor poller;

    /// Made by the component runtime.
    ///
    /// @param context this bundle's
    /// @param binder knows the drivers
    /// @param reloads replaces them
    @Activate
    public Deployer(BundleContext context, @Reference Binder binder, @Reference Reloads reloads) {
        this.binder = binder;
        this.updates = reloads instanceof DriverUpdates own ? own : null;
        this.context = context;
        this.check = new JarCheck(context);
        String path = context.getProperty("helix.deploy");
        this.folder = path == null ? null : Path.of(path);
        this.poller =
                path == null
                        ? null
                        : new ScheduledThreadPoolExecutor(
                                1,
                                Thread.ofPlatform()
                                        .name("helix-deploy")
                                        .daemon(true)
                                        .inheritInheritableThreadLocals(false)
                                        .factory());
    }

    /// Begins to look.
    @Activate
    void open() {
        if (poller != null) {
            var _ =
                    poller.scheduleWithFixedDelay(
                            this::look, 0, PERIOD.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    /// Looks no more; the bundles stay.
    @Deactivate
    void close() {
        if (poller != null) {
            poller.shutdownNow();
        }
    }

    @Override
    public synchronized List<Deployment> list() {
        noteRejections();
        return List.copyOf(deployments.values());
    }

    @Override
    public synchronized Deployment install(Path jar) {
        Path to = folder;
        if (to == null) {
            throw new ModuleError("this instance has no deploy folder (helix.deploy is not set)");
        }
        String file = jar.getFileName().toString();
        if (!file.endsWith(".jar")) {
            throw new ModuleError(jar + " is no .jar file");
        }
        if (!Files.isReadable(jar)) {
            throw new ModuleError("cannot read " + jar);
        }
        JarCheck.Result result = check.check(jar, SCHEME + file);
        if (result.refusal() != null) {
            Deployment refused =
                    new Deployment(file, result.name(), "", State.REFUSED, result.refusal());
            log(refused, true);
            return refused;
        }
        try {
            Files.createDirectories(to);
            Path draft = to.resolve(file + ".part");
            Files.copy(jar, draft, StandardCopyOption.REPLACE_EXISTING);
            Files.move(
                    draft,
                    to.resolve(file),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
            Look look = lookAt(to.resolve(file));
            seen.put(file, look);
            Deployment deployment = deploy(to.resolve(file), file, look, true);
            log(deployment, true);
            return deployment;
        } catch (IOException e) {
            throw new ModuleError("cannot copy " + jar + " to " + to + ": " + e, e);
        }
    }

    private synchronized void look() {
        Path from = folder;
        try {
            if (from == null || !Files.isDirectory(from)) {
                return;
            }
            Map<String, Path> files = new TreeMap<>();
            try (var jars = Files.newDirectoryStream(from, "*.jar")) {
                jars.forEach(j -> files.put(j.getFileName().toString(), j));
            }
            TreeSet<String> gone = new TreeSet<>(deployments.keySet());
            gone.addAll(deployedFiles());
            gone.removeAll(files.keySet());
            gone.forEach(this::remove);
            noteRejections();
            for (Map.Entry<String, Path> file : files.entrySet()) {
                Look look = lookAt(file.getValue());
                boolean settled = look.equals(seen.put(file.getKey(), look));
                if (settled && !look.equals(done.get(file.getKey()))) {
                    log(deploy(file.getValue(), file.getKey(), look, false), false);
                }
            }
        } catch (IOException | RuntimeException e) { // the next look may be luckier
            LOG.warn("the deploy folder {} cannot be followed: {}", from, e.toString(), e);
        }
    }

    private static Look lookAt(Path file) throws IOException {
        return new Look(Files.size(file), Files.getLastModifiedTime(file).toMillis());
    }

    /// The files whose bundles are installed, also by an earlier run.
    private List<String> deployedFiles() {
        return Arrays.stream(context.getBundles())
                .map(Bundle::getLocation)
                .filter(l -> l.startsWith(SCHEME))
                .map(l -> l.substring(SCHEME.length()))
                .toList();
    }

    /// @param asked whether a person wants it, also where it was rolled back before
    private Deployment deploy(Path jar, String file, Look look, boolean asked) {
        done.put(file, look);
        String location = SCHEME + file;
        Bundle bundle = context.getBundle(location);
        JarCheck.Result result = check.check(jar, location);
        Deployment deployment;
        if (result.refusal() != null) {
            String kept = bundle == null ? "" : bundle.getVersion().toString();
            String note = kept.isEmpty() ? "" : " (version " + kept + " runs on)";
            deployment =
                    new Deployment(
                            file, result.name(), kept, State.REFUSED, result.refusal() + note);
        } else {
            Rejection rejection = asked ? null : rejection(jar);
            deployment =
                    rejection == null
                            ? activate(jar, file, bundle, result, look)
                            : instead(file, result, rejection);
        }
        deployments.put(file, deployment);
        return deployment;
    }

    // --- jars that were rolled back --------------------------------------------------------------

    private @Nullable Rejection rejection(Path jar) {
        DriverUpdates engine = updates;
        try {
            return engine == null ? null : engine.revisions().rejection(jar).orElse(null);
        } catch (IOException e) {
            LOG.warn("it cannot be read whether {} was rolled back", jar, e);
            return null;
        }
    }

    /// Has the revision run to which a jar was rolled back, if no other does.
    private Deployment instead(String file, JarCheck.Result result, Rejection rejection) {
        boolean isHere =
                Arrays.stream(context.getBundles())
                        .anyMatch(b -> result.name().equals(b.getSymbolicName()));
        DriverUpdates engine = updates;
        Path jar =
                isHere || engine == null
                        ? null
                        : engine.revisions().currentOf(rejection.lineage()).orElse(null);
        if (jar != null) {
            try (InputStream in = Files.newInputStream(jar)) {
                context.installBundle(SCHEME + file, in).start();
            } catch (IOException | BundleException e) {
                LOG.error("{}: the revision before it cannot be started", file, e);
            }
        }
        return rolledBack(file, result.name(), rejection);
    }

    private Deployment rolledBack(String file, String bundle, Rejection rejection) {
        // The binder's word first: the bundle that was rolled back may be here for a moment still.
        String version =
                Stream.concat(
                                binder.drivers().stream()
                                        .filter(d -> d.bundle().equals(bundle))
                                        .map(Binder.DriverStatus::version),
                                Arrays.stream(context.getBundles())
                                        .filter(b -> bundle.equals(b.getSymbolicName()))
                                        .map(b -> b.getVersion().toString()))
                        .findFirst()
                        .orElse("");
        String note = version.isEmpty() ? "" : " (version " + version + " runs on)";
        String message = "rolled back on probation: " + rejection.reason() + note;
        return new Deployment(file, bundle, version, State.FAILED, message);
    }

    /// Takes note of jars that have failed after they had been in service.
    private void noteRejections() {
        DriverUpdates engine = updates;
        Path from = folder;
        if (engine == null || from == null || rejections == engine.revisions().rejections()) {
            return;
        }
        rejections = engine.revisions().rejections();
        for (Deployment deployment : List.copyOf(deployments.values())) {
            Path jar = from.resolve(deployment.file());
            Rejection rejection =
                    deployment.state() == State.ACTIVE && Files.exists(jar) ? rejection(jar) : null;
            if (rejection != null) {
                Deployment failed = rolledBack(deployment.file(), deployment.bundle(), rejection);
                deployments.put(deployment.file(), failed);
                drivers.remove(deployment.file()); // what serves now does not go with the file
                log(failed, false);
            }
        }
    }

    // --- what becomes of a jar -------------------------------------------------------------------

    private Deployment activate(
            Path jar, String file, @Nullable Bundle present, JarCheck.Result result, Look look) {
        Bundle bundle = present;
        boolean isDue =
                bundle == null
                        || bundle.getLastModified() < look.modified()
                        || !bundle.getVersion().toString().equals(result.version())
                        || deployments.containsKey(file);
        DriverUpdates engine = updates;
        String driver = isDue && engine != null ? driverOf(result.name()) : null;
        if (driver != null && engine != null) {
            return replace(engine.deploy(driver, jar), file, result);
        }
        try {
            if (bundle == null) {
                try (InputStream in = Files.newInputStream(jar)) {
                    bundle = context.installBundle(SCHEME + file, in);
                }
            } else if (isDue) {
                try (InputStream in = Files.newInputStream(jar)) {
                    bundle.update(in);
                }
            }
            bundle.start();
            String version = bundle.getVersion().toString();
            drivers.put(file, result.name());
            return new Deployment(file, result.name(), version, State.ACTIVE, "");
        } catch (IOException | BundleException e) {
            String message = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            String version = bundle == null ? "" : bundle.getVersion().toString();
            return new Deployment(file, result.name(), version, State.FAILED, message);
        }
    }

    /// The driver that a bundle of that name has brought, or null.
    private @Nullable String driverOf(String symbolicName) {
        return binder.drivers().stream()
                .filter(d -> d.bundle().equals(symbolicName))
                .map(Binder.DriverStatus::name)
                .findFirst()
                .orElse(null);
    }

    private Deployment replace(ReloadReport report, String file, JarCheck.Result result) {
        if (report.outcome() == ReloadReport.Outcome.COMMITTED) {
            drivers.put(file, result.name());
            return new Deployment(file, result.name(), report.to(), State.ACTIVE, "");
        }
        boolean isRefused = report.outcome() == ReloadReport.Outcome.REFUSED;
        boolean serves = report.outcome() != ReloadReport.Outcome.FAILED;
        return new Deployment(
                file,
                result.name(),
                report.from(),
                isRefused ? State.REFUSED : State.FAILED,
                report.step()
                        + ": "
                        + report.reason()
                        + (serves ? " (version " + report.from() + " runs on)" : ""));
    }

    /// Whoever calls `install` is told how it went and tells a person; what becomes of a file that
    /// was dropped into the folder is nowhere else to be read, so that a failure there warns.
    private static void log(Deployment d, boolean told) {
        if (d.state() == State.ACTIVE) {
            LOG.info("{} is deployed: {} {}", d.file(), d.bundle(), d.version());
        } else if (told) {
            LOG.info("{} is {}: {}", d.file(), d.state(), d.message());
        } else {
            LOG.warn("{} is {}: {}", d.file(), d.state(), d.message());
        }
    }

    private void remove(String file) {
        seen.remove(file);
        done.remove(file);
        deployments.remove(file);
        String driver = drivers.remove(file);
        for (Bundle bundle : context.getBundles()) {
            boolean isOwn = bundle.getLocation().equals(SCHEME + file);
            if (isOwn || (driver != null && RevisionStore.isRevisionOf(bundle, driver))) {
                uninstall(bundle, file);
            }
        }
    }

    private static void uninstall(Bundle bundle, String file) {
        try {
            bundle.uninstall();
            LOG.info("{} was removed: {} is uninstalled", file, bundle.getSymbolicName());
        } catch (BundleException e) {
            LOG.warn("{} was removed, but not its bundle: {}", file, e.getMessage());
        }
    }
}
