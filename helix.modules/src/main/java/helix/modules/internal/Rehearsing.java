package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.Module;
import helix.modules.api.ModuleState;
import helix.modules.internal.reload.Scratch;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// The rehearsal of a new revision, with an instance of its own that drives nothing.
final class Rehearsing {
    /// How long a module rehearses. Long enough for the compiler to see what is hot, and short
    /// enough for two reloads a second.
    static final Duration TIME = Duration.ofMillis(120);

    /// When it counts as hung.
    private static final Duration LIMIT = Duration.ofSeconds(3);

    private final Bringing bringing;

    Rehearsing(Bringing bringing) {
        this.bringing = bringing;
    }

    /// Rehearses.
    ///
    /// @param driver the new revision's
    /// @param device one that it would get
    /// @return what state it takes over
    /// @throws Refusal if it fails or hangs
    Optional<ModuleState.Schema> rehearse(Driver driver, KnownDevice device) throws Refusal {
        CompletableFuture<Optional<ModuleState.Schema>> schema = new CompletableFuture<>();
        AtomicReference<@Nullable Instance> instance = new AtomicReference<>();
        AtomicReference<String> doing = new AtomicReference<>("constructor");
        Worker worker = new Worker(driver.name() + "-rehearsal", device.id(), () -> {});
        try (Scratch scratch = new Scratch(device.device(), Deadline.after(TIME))) {
            worker.post(() -> {
                try {
                    Instance made = bringing.construct(driver, device);
                    instance.set(made);
                    Module module = made.module();
                    doing.set("stateSchema");
                    Optional<ModuleState.Schema> said = module.stateSchema();
                    doing.set("rehearse");
                    module.rehearse(scratch);
                    schema.complete(said);
                } catch (Throwable e) { // whatever it is, the revision is refused
                    schema.completeExceptionally(e);
                }
            });
            return schema.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            String where = worker.where();
            worker.abandon();
            throw new Refusal(
                    "%s hangs, for more than %s, in %s"
                            .formatted(doing.get(), ModuleRun.seconds(LIMIT), where),
                    e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw new Refusal(doing.get() + ": " + Reason.of(cause), cause);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Refusal("interrupted in the rehearsal", e);
        } finally {
            worker.end();
            Instance made = instance.get();
            if (made != null) {
                made.dispose();
            }
        }
    }
}
