package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.internal.deploy.JarCheck;
import helix.modules.internal.reload.Rates;
import helix.modules.internal.reload.ReportLog;
import helix.modules.internal.reload.RevisionStore;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.osgi.framework.BundleContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What all reloads share: the queue of each driver, the revisions' files, reports, rates, and the
/// probation of what was committed.
final class Engine implements AutoCloseable {
    /// How long a reload waits for those of the same driver before it.
    private static final Duration QUEUE_LIMIT = Duration.ofSeconds(60);

    /// The longest that a reload takes, with all its devices and the way back.
    private static final Duration LIMIT = Duration.ofMinutes(10);

    private static final Duration END_LIMIT = Duration.ofSeconds(5);
    private static final Logger LOG = LoggerFactory.getLogger(Engine.class);

    private final BundleContext context;
    private final BinderService binder;
    private final RevisionStore store;
    private final JarCheck check;
    private final ReportLog reports = new ReportLog();
    private final Rates rates;
    private final Probations probations = new Probations(this);
    private final Supplier<List<ReloadParticipant>> participants;
    private final Map<String, ReentrantLock> queues = new ConcurrentHashMap<>();
    private final Map<Object, CompletableFuture<ReloadReport>> running = new ConcurrentHashMap<>();

    /// Bundles that are revisions of drivers being exchanged.
    private final Set<Long> ours = ConcurrentHashMap.newKeySet();

    private volatile boolean closed;

    Engine(
            BundleContext context,
            BinderService binder,
            Path revisions,
            Supplier<List<ReloadParticipant>> participants) {
        this.context = context;
        this.binder = binder;
        this.store = new RevisionStore(revisions);
        this.check = new JarCheck(context);
        this.participants = participants;
        this.rates = new Rates(this::completions, () -> binder.bindings().deviceIds());
        binder.bindings().guard(probations::onCrash);
    }

    @Override
    public void close() {
        closed = true;
        binder.bindings().guard(_ -> false);
        CompletableFuture<?>[] left = running.values().toArray(CompletableFuture[]::new);
        try {
            CompletableFuture.allOf(left).get(END_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("the reload engine ends in the middle of a reload");
        }
        rates.close();
    }

    private long completions(String deviceId) {
        return participants().stream().mapToLong(p -> p.completions(deviceId)).sum();
    }

    // --- the queue -------------------------------------------------------------------------------

    /// Does a reload on a thread of its own, so that nobody who gives up waiting leaves a device
    /// half-way.
    ReloadReport perform(Reload.Order order) {
        CompletableFuture<ReloadReport> done = begin(order);
        try {
            return done.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ModuleError("interrupted; the reload of " + order.driver() + " goes on", e);
        } catch (TimeoutException e) {
            throw new ModuleError(
                    "the reload of %s has not ended in %s"
                            .formatted(order.driver(), ModuleRun.seconds(LIMIT)),
                    e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw new ModuleError("the reload of %s failed".formatted(order.driver()), e);
        }
    }

    CompletableFuture<ReloadReport> begin(Reload.Order order) {
        if (closed) {
            throw new ModuleError("the reload engine has ended");
        }
        CompletableFuture<ReloadReport> done = new CompletableFuture<>();
        Object key = new Object();
        running.put(key, done);
        Threads.start(
                "reload",
                "",
                order.driver(),
                () -> {
                    try {
                        done.complete(inTurn(order));
                    } catch (Throwable e) { // the caller's to hear
                        done.completeExceptionally(e);
                    } finally {
                        running.remove(key);
                    }
                });
        return done;
    }

    private ReloadReport inTurn(Reload.Order order) throws InterruptedException {
        Reload reload = new Reload(this, order);
        String lineage = RevisionStore.lineage(driver(order.driver()).bundle());
        ReentrantLock queue = queues.computeIfAbsent(lineage, _ -> new ReentrantLock(true));
        if (!queue.tryLock(QUEUE_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
            return reload.refused(
                    "the reloads before it have not ended in " + ModuleRun.seconds(QUEUE_LIMIT));
        }
        try {
            return reload.run();
        } finally {
            queue.unlock();
        }
    }

    /// The driver of that name whose revision is in service.
    Driver driver(String name) {
        Bindings bindings = binder.bindings();
        List<Driver> present =
                bindings.shown(bindings.allDrivers()).stream()
                        .filter(d -> d.name().equals(name))
                        .toList();
        return present.stream()
                .filter(d -> !bindings.runs(r -> r.factory() == d.serviceId()).isEmpty())
                .findFirst()
                .or(() -> present.stream().findFirst())
                .or(() -> described(name))
                .orElseThrow(() -> new IllegalArgumentException(unknown(name)));
    }

    private java.util.Optional<Driver> described(String name) {
        return binder.bindings().shown(binder.installed()).stream()
                .filter(d -> d.name().equals(name))
                .min(Driver.ORDER);
    }

    private String unknown(String name) {
        List<String> names =
                binder.installed().stream()
                        .map(Driver::name)
                        .distinct()
                        .sorted(Comparator.naturalOrder())
                        .toList();
        return "no driver '%s' (there are: %s)".formatted(name, String.join(", ", names));
    }

    // --- what a reload needs ---------------------------------------------------------------------

    BundleContext context() {
        return context;
    }

    BinderService binder() {
        return binder;
    }

    Bindings bindings() {
        return binder.bindings();
    }

    Bringing bringing() {
        return binder.bringing();
    }

    RevisionStore store() {
        return store;
    }

    JarCheck check() {
        return check;
    }

    ReportLog reports() {
        return reports;
    }

    Rates rates() {
        return rates;
    }

    Probations probations() {
        return probations;
    }

    Set<Long> ours() {
        return ours;
    }

    List<ReloadParticipant> participants() {
        return participants.get();
    }

    /// Waits for a driver's factory of a bundle.
    boolean awaitDriver(long bundleId, String name, Duration limit) {
        return bindings()
                .await(
                        () ->
                                bindings().allDrivers().stream()
                                        .anyMatch(d ->
                                                d.bundle().getBundleId() == bundleId
                                                        && d.name().equals(name)),
                        Deadline.after(limit));
    }

    /// What a driver is replaced with when it fails on probation.
    static final Options COLD = new Options(true, false, Options.STANDARD.timeout());
}
