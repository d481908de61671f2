package helix.modules.internal;

import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/// A request on its way to a module, and the answer on its way back.
final class Question implements Worker.Task {
    /// The longest that a module may take to answer.
    static final Duration LIMIT = Duration.ofSeconds(10);

    /// Somewhat longer, so that the supervisor is the first to see that a module hangs.
    private static final Duration PATIENCE = LIMIT.plusSeconds(1);

    private final ModuleRun run;
    private final Request request;
    private final CompletableFuture<Object> answer = new CompletableFuture<>();

    Question(ModuleRun run, Request request) {
        this.run = run;
        this.request = request;
    }

    @Override
    public void run() {
        try {
            answer.complete(run.ask(request));
        } catch (Throwable e) { // the caller's to hear, whatever it is
            answer.completeExceptionally(e);
        }
    }

    @Override
    public void cancel() {
        run();
    }

    /// Waits for the answer.
    Object answer() {
        try {
            return answer.get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ModuleError("interrupted while " + run.name() + " answered", e);
        } catch (TimeoutException e) {
            throw new ModuleError(
                    "%s has not answered '%s' within %s"
                            .formatted(run.name(), request.name(), ModuleRun.seconds(PATIENCE)),
                    e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            throw cause instanceof ModuleError said
                    ? said
                    : new ModuleError(
                            "%s failed '%s': %s"
                                    .formatted(run.name(), request.name(), Reason.of(cause)),
                            cause);
        }
    }
}
