package helix.modules.internal;

import helix.modules.api.Module;
import helix.modules.api.ModuleState;
import helix.modules.api.binder.Binder.State;
import helix.modules.internal.ModuleRun.Legacy;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A run's end that leaves its device, as it stands, to the next generation.
final class HandOver {
    /// How long a module has to save its state.
    private static final Duration SAVE_LIMIT = Duration.ofSeconds(1);

    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

    private final Life life;
    private final TearDown tearDown;

    HandOver(Life life, TearDown tearDown) {
        this.life = life;
        this.tearDown = tearDown;
    }

    /// Asks the module for its state and, if it gives one, ends this run without touching the
    /// device: lease, services and instance stay until [#retire]. If it gives none, or one that is
    /// not what was agreed, this run ends as usual.
    CompletableFuture<Legacy> surrender(ModuleState.Schema agreed, Duration stopLimit) {
        CompletableFuture<Legacy> legacy = new CompletableFuture<>();
        life.worker.post(
                new Worker.Task() {
                    @Override
                    public void run() {
                        legacy.complete(leave(agreed, stopLimit));
                        life.host.changed();
                    }

                    @Override
                    public void cancel() {
                        legacy.complete(new Legacy(null, life.name + " has ended"));
                        life.host.changed(); // comes after the end, which nobody tells of again
                    }
                });
        return legacy;
    }

    private Legacy leave(ModuleState.Schema agreed, Duration stopLimit) {
        Module m = life.module;
        if (m == null
                || life.state != State.RUNNING
                || !life.cause.compareAndSet(null, Cause.replaced(stopLimit))) {
            return new Legacy(null, life.name + " is ending already");
        }
        Legacy legacy = new Legacy(null, "");
        try {
            String stuck = life.closeAgents();
            if (stuck == null) {
                Optional<ModuleState> saved = life.step("saveState", SAVE_LIMIT, m::saveState);
                legacy = Legacies.judge(life.name, saved, agreed);
                if (saved.isPresent()) {
                    life.enter(State.QUIESCED); // the module is over: it is not stopped any more
                }
            } else {
                legacy = new Legacy(null, stuck);
            }
        } catch (Life.Fenced e) {
            return new Legacy(null, life.name + " hangs");
        } catch (Throwable e) { // the module's failure
            LOG.warn("{}: saveState failed", life.name, e);
            legacy = new Legacy(null, "saveState: " + Reason.of(e));
        }
        if (legacy.state() == null) {
            tearDown.run();
        } else if (life.finished.compareAndSet(false, true)) {
            life.module = null;
            life.handedOver = true;
            life.over();
        }
        return legacy;
    }

    /// Withdraws what a run that was handed over has published, and disposes of its instance. That
    /// is code of the driver's, which may hang: the device is not held for long because of it.
    void retire() {
        if (!life.handedOver) {
            return;
        }
        AtomicBoolean isWithdrawn = new AtomicBoolean();
        try {
            Thread stuck =
                    Threads.within(
                            Life.DISPOSE_LIMIT,
                            life.name,
                            life.deviceId,
                            "retirement",
                            () -> {
                                life.services.close();
                                isWithdrawn.set(true);
                                life.dispose();
                            });
            if (stuck != null) {
                LOG.warn("{} does not retire, it is in {}", life.name, Reason.where(stuck));
                if (isWithdrawn.get()) { // before, it is in code of others
                    stuck.interrupt();
                }
                life.host.left(life.deviceId, List.of(stuck));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        life.driver = null;
        life.lease = null;
        life.leases = null;
        life.state = State.STOPPED;
    }
}
