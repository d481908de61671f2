package helix.modules.internal;

import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder;
import helix.modules.api.reload.ReloadParticipant;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads;
import helix.modules.internal.deploy.DriverUpdates;
import helix.modules.internal.deploy.JarCheck;
import helix.modules.internal.reload.RevisionStore;
import helix.modules.internal.reload.RevisionStore.Keep;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.util.tracker.ServiceTracker;

/// The reload engine as others see it.
@Component(service = Reloads.class, immediate = true)
public final class ReloadService implements Reloads, DriverUpdates {
    private static final Keep LASTING = new Keep(true, true);

    private final ServiceTracker<ReloadParticipant, ReloadParticipant> participants;
    private final Engine engine;

    /// Made by the component runtime.
    ///
    /// @param context this bundle's
    /// @param binder drives devices; this bundle's, since the two work on the same tables
    @Activate
    public ReloadService(BundleContext context, @Reference Binder binder) {
        if (!(binder instanceof BinderService own)) {
            throw new IllegalStateException("the binder is another bundle's");
        }
        this.participants = new ServiceTracker<>(context, ReloadParticipant.class, null);
        String instance = context.getProperty("helix.instance");
        Path revisions =
                instance == null
                        ? Objects.requireNonNull(context.getDataFile("revisions")).toPath()
                        : Path.of(instance, "revisions");
        participants.open();
        this.engine = new Engine(context, own, revisions, this::participants);
    }

    /// Waits for reloads to come to their end.
    @Deactivate
    void close() {
        engine.close();
        participants.close();
    }

    private List<ReloadParticipant> participants() {
        return List.copyOf(participants.getTracked().values());
    }

    @Override
    public ReloadReport update(String driver, Path jar, Options options) {
        return perform(driver, "update", readable(jar), options, LASTING);
    }

    @Override
    public ReloadReport deploy(String driver, Path jar) {
        // The folder brings it again after a restart.
        Keep keep = new Keep(true, false);
        return perform(driver, "deploy", readable(jar), Options.STANDARD, keep);
    }

    @Override
    public RevisionStore revisions() {
        return engine.store();
    }

    @Override
    public ReloadReport reload(String driver, Options options) {
        return perform(driver, "reload", null, options, LASTING);
    }

    @Override
    public ReloadReport rollback(String driver, Options options) {
        Bundle bundle = engine.driver(driver).bundle();
        Path previous =
                engine.store()
                        .previousOf(bundle)
                        .orElseThrow(() ->
                                new ModuleError("driver " + driver + " has no earlier revision"));
        return perform(driver, "rollback", previous, options, LASTING);
    }

    private ReloadReport perform(
            String driver,
            String cause,
            @org.jspecify.annotations.Nullable Path jar,
            Options options,
            Keep keep) {
        String name = engine.driver(driver).name(); // or there is none
        return engine.perform(Reload.Order.of(name, cause, jar, options, keep));
    }

    private static Path readable(Path jar) {
        if (!Files.isReadable(jar) || Files.isDirectory(jar)) {
            throw new IllegalArgumentException("cannot read " + jar);
        }
        return jar;
    }

    @Override
    public List<ReloadReport> reports() {
        return engine.reports().list();
    }

    @Override
    public Plan plan(String driver, Path jar, Options options) {
        Driver of = engine.driver(driver);
        Bundle old = of.bundle();
        JarCheck.Result result = engine.check().check(readable(jar), old.getLocation());
        List<PlannedDevice> devices =
                engine.bindings().runs(r -> r.factory() == of.serviceId()).stream()
                        .sorted(Comparator.comparing(ModuleRun::deviceId))
                        .map(r -> planned(r, options))
                        .toList();
        return new Plan(
                driver,
                old.getVersion().toString(),
                result.version(),
                devices,
                List.of(
                        old.getSymbolicName() + " " + old.getVersion(),
                        result.name() + " " + result.version()),
                Objects.requireNonNullElse(result.refusal(), ""));
    }

    private PlannedDevice planned(ModuleRun run, Options options) {
        String why = options.drain() ? "it is drained" : options.cold() ? "cold was asked for" : "";
        if (why.isEmpty()) {
            why = whyCold(run);
        }
        List<String> consumers =
                participants().stream().flatMap(p -> p.consumers(run.deviceId()).stream()).toList();
        return new PlannedDevice(run.deviceId(), run.name(), why.isEmpty(), why, consumers);
    }

    private static String whyCold(ModuleRun run) {
        if (!run.children().isEmpty()) {
            return "devices are behind it";
        }
        Optional<?> schema = Optional.empty();
        try {
            schema = run.schema().get(1, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            return "it does not say what state it saves";
        }
        return schema.isEmpty() ? "the revision in service saves no state" : "";
    }
}
