package helix.modules.internal;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import helix.modules.api.Module;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.binder.Binder.State;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A run's way from discovery to service, with a reset before it or as the heir of the generation
/// before.
final class BringUp {
    /// The longest that constructing a module may take.
    private static final Duration CONSTRUCT_LIMIT = Duration.ofSeconds(10);

    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

    private final Life life;

    BringUp(Life life) {
        this.life = life;
    }

    /// Makes the module ahead of the rest.
    ///
    /// @return complete when it is made; if it cannot be, the run ends as after a failed bring-up
    CompletableFuture<Void> prepare() {
        CompletableFuture<Void> made = new CompletableFuture<>();
        life.worker.post(() -> {
            Driver of = life.driver;
            try {
                if (of != null && life.cause.get() == null) {
                    construct(life.host.bringing(), of);
                    made.complete(null);
                    life.host.changed();
                }
            } catch (Life.Fenced e) {
                LOG.debug("{}: {}", life.name, e.getMessage());
            } catch (Throwable e) { // a driver's failure, whatever it is, stays with its module
                if (!life.fenced.get()) {
                    failed("constructor", e);
                }
            }
        });
        return made;
    }

    /// Takes all steps; on the worker.
    void run() {
        Driver of = life.driver;
        if (of == null || life.cause.get() != null) {
            return;
        }
        String doing = "being checked";
        try {
            Bringing bringing = life.host.bringing();
            life.step("the check of its class files", CONSTRUCT_LIMIT, () -> bringing.check(of));
            doing = "its lease";
            ModuleRun.Inheritance from = life.inheritance;
            Bringing.Grant grant = from == null ? bringing.grant(life.device, of) : from.grant();
            life.hold(grant);
            doing = "constructor";
            Module ahead = life.module;
            Module made = ahead == null ? construct(bringing, of) : ahead;
            Context context =
                    new Context(life.run, life.device.device(), grant.lease(), of, from != null);
            doing = "init";
            life.take(doing, life.limit(made, Module.Step.INIT), () -> made.init(context));
            if (from != null) {
                doing = "migrate";
                ModuleState state = fit(made, from.state());
                doing = "restoreState";
                life.take(
                        doing, life.limit(made, Module.Step.INIT), () -> made.restoreState(state));
            }
            life.touched = true;
            life.enter(State.INITIALIZED);
            if (life.cause.get() == null) {
                doing = "start";
                life.take(doing, life.limit(made, Module.Step.START), made::start);
                serve();
            }
        } catch (Life.Fenced e) {
            LOG.debug("{}: {}", life.name, e.getMessage());
        } catch (Throwable e) { // a driver's failure, whatever it is, stays with its module
            if (!life.fenced.get()) {
                failed(doing, e);
            }
        }
    }

    private void serve() {
        life.agents.begin();
        life.served = true;
        boolean takesOver = life.inheritance != null;
        life.inheritance = null;
        life.enter(State.RUNNING);
        if (!takesOver) { // clients wait: it is told when they go on
            life.run.announce();
        }
    }

    private void failed(String doing, Throwable e) {
        Cause first = life.cause.compareAndExchange(null, Cause.failure(Reason.of(e)));
        // What it needed was taken away meanwhile, and that is why it failed.
        boolean isStopped = first != null && first.failure() == null;
        boolean plain = e instanceof ModuleError || e instanceof DeviceException;
        // What did not answer in time may do so the next time.
        life.refused = plain && first == null && !(e instanceof DeviceTimeoutException);
        if (!plain && !isStopped) {
            LOG.warn("{}: {} failed", life.name, doing, e);
        }
        life.failedIn = doing;
        life.services.close();
        life.closeAgents();
        // A device that was not touched goes on, and its lease can be passed on once more.
        boolean goesOn = life.inheritance != null && !life.touched && first == null;
        String unconfirmed = goesOn ? null : life.release();
        try {
            life.disposeInStep();
        } catch (Life.Fenced hung) {
            LOG.debug("{}: {}", life.name, hung.getMessage());
            return; // given up; its end is somebody else's
        }
        if (first != null && isStopped) {
            life.finish(State.STOPPED, first.isGone() ? ModuleRun.GONE : "");
            return;
        }
        // An earlier report of the module's own tells more than what followed from it.
        String own = first == null ? null : first.failure();
        String text = own == null ? Reason.of(e) : own;
        life.finish(State.FAILED, unconfirmed == null ? text : text + "; " + unconfirmed);
    }

    private Module construct(Bringing bringing, Driver of) throws Exception {
        Instance made =
                life.worker.step(
                        "constructor", CONSTRUCT_LIMIT, () -> bringing.construct(of, life.device));
        if (life.fenced.get()) {
            made.dispose();
            throw new Life.Fenced();
        }
        life.instance = made;
        life.module = made.module();
        return made.module();
    }

    private ModuleState fit(Module made, ModuleState state) throws Exception {
        ModuleState.Schema own =
                life.step("stateSchema", Life.EVENT_LIMIT, made::stateSchema)
                        .orElseThrow(() -> new ModuleError("it takes over no state"));
        if (state.version() == own.version()) {
            return state;
        }
        ModuleState migrated =
                life.step("migrate", life.limit(made, Module.Step.INIT), () -> made.migrate(state));
        if (!migrated.schema().equals(own.name())
                || migrated.version() != own.version()
                || !migrated.isIntact()) {
            throw new ModuleError(
                    "version %d became no intact version %d"
                            .formatted(state.version(), own.version()));
        }
        return migrated;
    }
}
