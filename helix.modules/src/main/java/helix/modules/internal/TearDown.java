package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.Event;
import helix.modules.api.Module;
import helix.modules.api.binder.Binder.State;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A run's end in good order: the module is stopped, then its lease is released.
final class TearDown {
    /// How long what is in flight has to end by itself.
    private static final Duration QUIESCE_LIMIT = Duration.ofSeconds(2);

    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

    private final Life life;

    TearDown(Life life) {
        this.life = life;
    }

    /// Takes all steps; on the worker, when there is a cause.
    void run() {
        Cause why = life.cause.get();
        if (why == null || life.fenced.get() || life.finished.get()) {
            return;
        }
        try {
            String failure = why.failure();
            Module m = life.module;
            if (m != null && (life.state == State.RUNNING || life.state == State.INITIALIZED)) {
                failure = first(failure, stopModule(m, why));
            }
            withdraw();
            String unconfirmed = life.release();
            life.disposeInStep();
            failure = first(failure, why.isGone() ? null : unconfirmed);
            life.finish(
                    failure == null ? State.STOPPED : State.FAILED,
                    failure != null ? failure : why.isGone() ? ModuleRun.GONE : "");
        } catch (Life.Fenced e) {
            LOG.debug("{}: {}", life.name, e.getMessage());
        } catch (Throwable e) { // of the platform's own steps, or memory
            life.run.fence("its end failed: " + Reason.of(e));
            LOG.warn("{} did not end cleanly", life.name, e);
        }
    }

    private void withdraw() throws Exception {
        // With a device goes the module that drives it; that one stops before this call returns.
        Duration limit =
                life.services.devices().isEmpty() ? Life.EVENT_LIMIT : Children.WITHDRAW_LIMIT;
        life.take("withdrawing its services", limit, life.services::close);
    }

    /// Takes a module out of service.
    ///
    /// @return what failed, or null
    private @Nullable String stopModule(Module m, Cause why) throws Exception {
        boolean served = life.state == State.RUNNING;
        if (served && why.isGone()) {
            life.attempt(
                    "handleEvent",
                    Life.EVENT_LIMIT,
                    () -> m.handleEvent(new Event.DeviceRemoved()));
        }
        life.enter(State.QUIESCED);
        withdraw();
        String failure = null;
        if (served && !why.isGone() && !why.isReplaced() && why.failure() == null) {
            failure =
                    life.attempt(
                            "quiesce",
                            QUIESCE_LIMIT.plusSeconds(1),
                            () -> m.quiesce(Deadline.after(QUIESCE_LIMIT)));
        }
        failure = first(failure, life.closeAgents());
        Duration own = life.limit(m, Module.Step.STOP);
        Duration limit = own.compareTo(why.stopLimit()) < 0 ? own : why.stopLimit();
        String stop = life.attempt("stop", limit, m::stop);
        // A device that is gone does not obey; that is no news.
        return why.isGone() ? null : first(failure, stop);
    }

    private static @Nullable String first(@Nullable String one, @Nullable String other) {
        return one != null ? one : other;
    }
}
