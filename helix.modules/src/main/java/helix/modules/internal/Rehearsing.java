package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.Module;
import helix.modules.api.ModuleState;
import helix.modules.internal.reload.Scratch;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.wiring.BundleWiring;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The rehearsal of a new revision, with an instance of its own that drives nothing.
final class Rehearsing {
    /// How long a module rehearses. Long enough for the compiler to see what is hot, and short
    /// enough for two reloads a second.
    static final Duration TIME = Duration.ofMillis(150);

    /// When it counts as hung.
    private static final Duration LIMIT = Duration.ofSeconds(3);

    private static final Logger LOG = LoggerFactory.getLogger(Rehearsing.class);

    /// The longest that a hand-over waits for the compiler.
    private static final Duration COMPILER_LIMIT = Duration.ofMillis(120);

    /// A compiler that ends nothing for so long is taken to be done.
    private static final Duration COMPILER_REST = Duration.ofMillis(20);

    private final Bringing bringing;
    private final Bindings bindings;
    private final Driver driver;
    private final KnownDevice device;
    private final AtomicReference<@Nullable Instance> instance = new AtomicReference<>();
    private volatile String doing = "constructor";

    /// @param driver the new revision's
    /// @param device one that it would get
    Rehearsing(Bindings bindings, Driver driver, KnownDevice device) {
        this.bringing = bindings.bringing();
        this.bindings = bindings;
        this.driver = driver;
        this.device = device;
    }

    /// Loads and links all of a bundle's classes: those that only the real thing needs would
    /// otherwise be read from the jar and verified while clients wait.
    private static void load(Bundle bundle) {
        BundleWiring wiring = bundle.adapt(BundleWiring.class);
        for (String resource :
                wiring.listResources(
                        "/",
                        "*.class",
                        BundleWiring.LISTRESOURCES_RECURSE | BundleWiring.LISTRESOURCES_LOCAL)) {
            String name =
                    resource.substring(0, resource.length() - ".class".length()).replace('/', '.');
            try {
                Class.forName(name, true, wiring.getClassLoader());
            } catch (ClassNotFoundException | LinkageError e) {
                // Whoever needs it will say so; it may be that nobody does.
                LOG.debug("{}: {} cannot be loaded", bundle, name, e);
            }
        }
    }

    /// Waits until the compiler has had its time with what was rehearsed: it would compete with the
    /// hand-over for the cores. How much is left to it cannot be seen, only that it has ended
    /// nothing for a while.
    private static void awaitCompiler() throws InterruptedException {
        CompilationMXBean compiler = ManagementFactory.getCompilationMXBean();
        if (compiler == null || !compiler.isCompilationTimeMonitoringSupported()) {
            return;
        }
        Deadline deadline = Deadline.after(COMPILER_LIMIT);
        long before;
        long spent = compiler.getTotalCompilationTime();
        do {
            before = spent;
            TimeUnit.NANOSECONDS.sleep(COMPILER_REST.toNanos());
            spent = compiler.getTotalCompilationTime();
        } while (spent != before && !deadline.isExpired());
    }

    /// Rehearses; once.
    ///
    /// @return what state it takes over
    /// @throws Refusal if any code of it fails or hangs
    Optional<ModuleState.Schema> rehearse() throws Refusal {
        Optional<ModuleState.Schema> said;
        try {
            said = perform();
        } catch (Refusal e) {
            String also = dispose();
            if (also != null) {
                LOG.warn("{}, and {}", e.getMessage(), also);
            }
            throw e;
        }
        String hung = dispose();
        if (hung != null) {
            throw new Refusal(hung);
        }
        return said;
    }

    private Optional<ModuleState.Schema> perform() throws Refusal {
        CompletableFuture<Optional<ModuleState.Schema>> schema = new CompletableFuture<>();
        Worker worker = new Worker(driver.name() + "-rehearsal", device.id(), () -> {});
        try (Scratch scratch = new Scratch(device.device(), TIME)) {
            worker.post(() -> {
                try {
                    schema.complete(take(scratch));
                } catch (Throwable e) { // whatever it is, the revision is refused
                    schema.completeExceptionally(e);
                }
            });
            Optional<ModuleState.Schema> said = schema.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            awaitCompiler();
            return said;
        } catch (TimeoutException e) {
            String where = worker.where();
            worker.abandon();
            bindings.left(device.id(), List.of(worker.thread()));
            throw new Refusal(hangs(doing, LIMIT, where), e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new Refusal(doing + ": " + Reason.of(cause), cause);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Refusal("interrupted in the rehearsal", e);
        } finally {
            worker.end();
        }
    }

    private Optional<ModuleState.Schema> take(Scratch scratch) throws Exception {
        load(driver.bundle());
        Instance made = bringing.construct(driver, device);
        instance.set(made);
        Module module = made.module();
        doing = "stateSchema";
        Optional<ModuleState.Schema> said = module.stateSchema();
        doing = "rehearse";
        scratch.begin();
        module.rehearse(scratch);
        return said;
    }

    /// Disposes of the throw-away instance, which runs code of it once more.
    ///
    /// @return what hangs, or null
    private @Nullable String dispose() {
        Instance made = instance.get();
        if (made == null) {
            return null;
        }
        try {
            Thread stuck =
                    Threads.within(
                            Life.DISPOSE_LIMIT,
                            driver.name() + "-rehearsal",
                            device.id(),
                            "disposal",
                            made::dispose);
            if (stuck == null) {
                return null;
            }
            String where = Reason.where(stuck);
            stuck.interrupt();
            bindings.left(device.id(), List.of(stuck));
            return hangs("@Deactivate", Life.DISPOSE_LIMIT, where);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted while the rehearsal's instance was disposed of";
        }
    }

    private static String hangs(String step, Duration limit, String where) {
        return "%s hangs, for more than %s, in %s".formatted(step, ModuleRun.seconds(limit), where);
    }
}
