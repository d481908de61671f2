package helix.modules.internal;

import java.time.Duration;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The one clock of the platform: it looks ten times a second whether a module hangs, and tells
/// each of every second that passes. It calls no module itself, so that none can stop it.
final class Supervisor {
    private static final long PERIOD_MS = 100;
    private static final int PERIODS_PER_TICK = 10;
    private static final long CLOSE_MS = 1_000;
    private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);

    private final CopyOnWriteArrayList<ModuleRun> runs = new CopyOnWriteArrayList<>();
    private final ScheduledThreadPoolExecutor clock;
    private int periods;

    Supervisor() {
        clock =
                new ScheduledThreadPoolExecutor(
                        1,
                        body -> {
                            Thread thread =
                                    Thread.ofPlatform()
                                            .name("helix-modules-clock")
                                            .daemon(true)
                                            .inheritInheritableThreadLocals(false)
                                            .unstarted(body);
                            thread.setContextClassLoader(Supervisor.class.getClassLoader());
                            return thread;
                        });
        var _ = clock.scheduleAtFixedRate(this::look, PERIOD_MS, PERIOD_MS, TimeUnit.MILLISECONDS);
    }

    void add(ModuleRun run) {
        runs.add(run);
    }

    void remove(ModuleRun run) {
        runs.remove(run);
    }

    private void look() {
        long now = System.nanoTime();
        boolean tick = ++periods % PERIODS_PER_TICK == 0;
        for (ModuleRun run : runs) {
            try {
                run.check(now);
                if (tick) {
                    run.tick(now);
                }
            } catch (RuntimeException e) { // else the clock would stop for all
                LOG.warn("{} cannot be supervised", run.name(), e);
            }
        }
    }

    /// Does something of the binder's own a little later.
    void later(Runnable body, Duration delay) {
        Runnable safe =
                () -> {
                    try {
                        body.run();
                    } catch (RuntimeException e) { // nobody asks for the task's outcome
                        LOG.error("devices could not be bound", e);
                    }
                };
        try {
            var _ = clock.schedule(safe, delay.toMillis(), TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            LOG.debug("nothing is bound any more");
        }
    }

    /// Nothing of it runs any more when this returns: what it asks ends with this bundle.
    void close() {
        clock.shutdownNow();
        try {
            if (!clock.awaitTermination(CLOSE_MS, TimeUnit.MILLISECONDS)) {
                LOG.warn("the platform's clock does not stop within {} ms", CLOSE_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
