package helix.modules.internal;

import helix.modules.api.Event;
import helix.modules.api.Module;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder.State;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What is passed on to a module in service: seconds, events, questions.
final class InService {
    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

    private final Life life;
    private final AtomicBoolean ticking = new AtomicBoolean();

    InService(Life life) {
        this.life = life;
    }

    /// Passes a second on, and asks how the module is.
    void tick(long nanoTime) {
        if (life.state == State.RUNNING && ticking.compareAndSet(false, true)) {
            life.worker.post(() -> {
                ticking.set(false);
                call("handleEvent", m -> m.handleEvent(new Event.Tick(nanoTime)));
                call("health", m -> note(m.health()));
            });
        }
    }

    /// Passes an event on.
    ///
    /// @return complete when the module has taken note, or will not
    CompletableFuture<Void> tell(Event event) {
        CompletableFuture<Void> told = new CompletableFuture<>();
        life.worker.post(
                new Worker.Task() {
                    @Override
                    public void run() {
                        call("handleEvent", m -> m.handleEvent(event));
                        told.complete(null);
                    }

                    @Override
                    public void cancel() {
                        told.complete(null);
                    }
                });
        return told;
    }

    /// What state the module saves; empty also if it does not say in time.
    CompletableFuture<Optional<ModuleState.Schema>> schema() {
        CompletableFuture<Optional<ModuleState.Schema>> schema = new CompletableFuture<>();
        life.worker.post(
                new Worker.Task() {
                    @Override
                    public void run() {
                        call("stateSchema", m -> schema.complete(m.stateSchema()));
                        schema.complete(Optional.empty());
                    }

                    @Override
                    public void cancel() {
                        schema.complete(Optional.empty());
                    }
                });
        return schema;
    }

    private void note(Module.Health health) {
        String detail = health.ok() || !health.detail().isEmpty() ? health.detail() : "not well";
        if (!detail.equals(life.reason)) {
            LOG.info("{} says: {}", life.name, detail.isEmpty() ? "all is well" : detail);
            life.reason = detail;
            life.host.changed();
        }
    }

    private void call(String what, Consumer<Module> call) {
        Module m = life.module;
        if (m == null || life.state != State.RUNNING || life.cause.get() != null) {
            return;
        }
        try {
            life.take(what, Life.EVENT_LIMIT, () -> call.accept(m));
        } catch (Life.Fenced e) {
            LOG.debug("{}: {}", life.name, e.getMessage());
        } catch (Throwable e) { // the module's failure
            life.run.fail(what + ": " + Reason.of(e), e);
        }
    }

    /// Passes a request on and waits for the answer.
    Object request(Request request) {
        if (life.worker.isCurrentThread()) {
            throw new ModuleError(life.name + " cannot ask itself");
        }
        Question question = new Question(life.run, request);
        life.worker.post(question);
        return question.answer();
    }

    /// Asks the module; on the worker.
    Object ask(Request request) throws Exception {
        Module m = life.module;
        if (m == null || life.state != State.RUNNING) {
            String why = life.reason.isEmpty() ? "" : ": " + life.reason;
            throw new ModuleError(life.name + " is " + life.state + why);
        }
        return life.step(
                "handleRequest " + request.name(), Question.LIMIT, () -> m.handleRequest(request));
    }
}
