package helix.modules.internal.reload;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleConsumer;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// How fast requests to devices end: once a second for all of them, and more often after a passage,
/// until the former rate is reached again.
public final class Rates implements AutoCloseable {
    /// What the former rate has to be reached by.
    private static final double ENOUGH = 0.9;

    private static final Duration PERIOD = Duration.ofSeconds(1);
    private static final Duration WINDOW = Duration.ofMillis(10);
    private static final Duration LIMIT = Duration.ofSeconds(10);

    /// A window has to be long enough for this many completions, lest their grain be seen.
    private static final double GRAIN = 20;

    /// The least time to tell a rate by.
    private static final long LEAST_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private static final Logger LOG = LoggerFactory.getLogger(Rates.class);

    private record Sample(long nanos, long count) {}

    private record Since(Sample older, Sample newer) {}

    private final ToLongFunction<String> completions;
    private final Supplier<? extends Collection<String>> devices;
    private final Map<String, Since> samples = new ConcurrentHashMap<>();
    private final ScheduledThreadPoolExecutor clock;

    /// @param completions how many requests to a device have ended
    /// @param devices the devices that there are
    public Rates(
            ToLongFunction<String> completions, Supplier<? extends Collection<String>> devices) {
        this.completions = completions;
        this.devices = devices;
        this.clock =
                new ScheduledThreadPoolExecutor(
                        1,
                        body -> {
                            Thread thread =
                                    Thread.ofPlatform()
                                            .name("helix-reload-clock")
                                            .daemon(true)
                                            .inheritInheritableThreadLocals(false)
                                            .unstarted(body);
                            thread.setContextClassLoader(Rates.class.getClassLoader());
                            return thread;
                        });
        clock.setRemoveOnCancelPolicy(true);
        var _ = clock.scheduleAtFixedRate(this::look, 0, PERIOD.toNanos(), TimeUnit.NANOSECONDS);
    }

    private void look() {
        try {
            Collection<String> present = devices.get();
            samples.keySet().retainAll(present);
            for (String device : present) {
                Sample now = sample(device);
                samples.merge(device, new Since(now, now), (s, _) -> new Since(s.newer, now));
            }
        } catch (RuntimeException e) { // the next look may be luckier
            LOG.warn("rates cannot be measured", e);
        }
    }

    private Sample sample(String device) {
        return new Sample(System.nanoTime(), completions.applyAsLong(device));
    }

    /// The rate in about the last second, or since the device's last passage.
    ///
    /// @param device the device's id
    /// @return completions per nanosecond, 0 if there were none or it is too early to tell
    public double rate(String device) {
        Sample now = sample(device);
        Since since = samples.putIfAbsent(device, new Since(now, now));
        if (since == null) {
            return 0;
        }
        long span = now.nanos - since.older.nanos;
        return span < LEAST_NANOS ? 0 : (double) (now.count - since.older.count) / span;
    }

    /// Looks when a former rate is reached, from now on.
    ///
    /// @param device the device's id
    /// @param former the rate, 0 if there was none
    /// @param then told how many milliseconds that took, or a negative number
    public void resumed(String device, double former, DoubleConsumer then) {
        Sample now = sample(device);
        samples.put(device, new Since(now, now));
        if (former <= 0) {
            then.accept(0);
            return;
        }
        Recovery recovery = new Recovery(device, former, then, now);
        try {
            recovery.schedule();
        } catch (RejectedExecutionException e) {
            LOG.debug("no rates are measured any more");
        }
    }

    private final class Recovery {
        private final String device;
        private final double former;
        private final DoubleConsumer then;
        private final Sample first;
        private final long window;
        private final ArrayDeque<Sample> recent = new ArrayDeque<>();
        private volatile Future<?> task;

        Recovery(String device, double former, DoubleConsumer then, Sample first) {
            this.device = device;
            this.former = former;
            this.then = then;
            this.first = first;
            this.window = Math.clamp((long) (GRAIN / former), WINDOW.toNanos(), PERIOD.toNanos());
            recent.add(first);
            this.task = java.util.concurrent.CompletableFuture.completedFuture(null);
        }

        void schedule() {
            task =
                    clock.scheduleAtFixedRate(
                            this::look, WINDOW.toNanos(), WINDOW.toNanos(), TimeUnit.NANOSECONDS);
        }

        private void look() {
            Sample now = sample(device);
            recent.add(now);
            while (recent.size() > 2 && now.nanos - second().nanos >= window) {
                recent.removeFirst();
            }
            Sample from = recent.getFirst();
            long span = now.nanos - from.nanos;
            boolean isReached = span >= window && now.count - from.count >= ENOUGH * former * span;
            boolean isLate = now.nanos - first.nanos > LIMIT.toNanos();
            if (isReached || isLate) {
                task.cancel(false);
                then.accept(isReached ? (now.nanos - first.nanos) / 1e6 : -1);
            }
        }

        private Sample second() {
            var samples = recent.iterator();
            samples.next();
            return samples.next();
        }
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}
