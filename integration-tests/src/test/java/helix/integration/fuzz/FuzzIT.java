package helix.integration.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockException;
import helix.driver.api.net.NetworkException;
import helix.hal.api.DeviceException;
import helix.modules.api.ModuleError;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.junit.After;
import org.junit.Test;

/// Each driver beside a device whose replies are mutated: registers, completions, data, messages.
/// Whatever it says, the driver ends each call with a device's error or as it should, and works
/// once the device does.
///
/// `-Dhelix.fuzz.replies=N` mutates so many replies for each driver instead of as many as a few
/// seconds allow, `-Dhelix.seed=N` begins with a seed that was printed.
public class FuzzIT {
    private static final Duration SHARE = Duration.ofSeconds(6);
    private static final Duration HANG = Duration.ofSeconds(15);
    private static final Duration RELEASE = Duration.ofSeconds(5);

    /// Most of a run is waiting for what does not come.
    private static final int AT_ONCE = 6;

    private final ExecutorService worker = Executors.newCachedThreadPool(FuzzIT::thread);

    /// Something that may fail.
    private interface Work {
        void run() throws Exception;
    }

    private static Thread thread(Runnable work) {
        return Thread.ofPlatform().daemon().name("fuzz worker").unstarted(work);
    }

    @After
    public void end() {
        worker.shutdownNow();
    }

    @Test
    public void nvme() throws Exception {
        fuzz(FuzzTarget.NVME);
    }

    @Test
    public void virtioBlock() throws Exception {
        fuzz(FuzzTarget.VIRTIO_BLK);
    }

    @Test
    public void virtioNet() throws Exception {
        fuzz(FuzzTarget.VIRTIO_NET);
    }

    private void fuzz(FuzzTarget target) throws Exception {
        long first = Long.getLong("helix.seed", System.nanoTime() & 0xFFFF_FFFFL);
        long goal = Long.getLong("helix.fuzz.replies", Long.MAX_VALUE);
        boolean bounded = goal == Long.MAX_VALUE;
        long begun = System.nanoTime();
        System.out.printf("fuzz %s: first seed %d%n", target, first);
        AtomicLong runs = new AtomicLong();
        AtomicLong mutations = new AtomicLong();
        List<Future<?>> all = new ArrayList<>();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        for (int i = 0; i < AT_ONCE; i++) {
            all.add(
                    worker.submit(() -> {
                        while (mutations.get() < goal
                                && failed.get() == null
                                && (!bounded || System.nanoTime() - begun < SHARE.toNanos())) {
                            try {
                                long _ =
                                        mutations.addAndGet(
                                                run(target, first + runs.getAndIncrement()));
                            } catch (Throwable e) {
                                failed.compareAndSet(null, e);
                            }
                        }
                    }));
        }
        for (Future<?> one : all) {
            one.get();
        }
        System.out.printf(
                "fuzz %s: %d runs, %d mutated replies, %d a second%n",
                target,
                runs.get(),
                mutations.get(),
                mutations.get() * 1_000 / Math.max(1, (System.nanoTime() - begun) / 1_000_000));
        Throwable why = failed.get();
        if (why != null) {
            throw new AssertionError(why.getMessage(), why);
        }
        assertThat(mutations.get()).isPositive();
    }

    private long run(FuzzTarget target, long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        FuzzedModel model = new FuzzedModel(target.model(seed), random.nextLong());
        try (FuzzRig rig = new FuzzRig(model, seed)) {
            int oneIn = 1 << random.nextInt(0, 7);
            boolean fromTheBegin = random.nextInt(3) == 0;
            FuzzStack stack = new FuzzStack(rig);
            if (fromTheBegin) {
                model.mutate(oneIn);
            }
            boolean up =
                    new Step("bring-up", () -> target.bringUp(stack, false))
                            .ends(target, seed, false);
            model.mutate(oneIn);
            Step calls = null;
            if (up) {
                SplittableRandom choices = random.split();
                calls = new Step("calls", () -> target.calls(stack, choices));
                if (calls.endsOr(stack::hasFailed)) {
                    boolean _ = calls.ends(target, seed, false);
                    boolean _ = new Step("stop", stack::stop).ends(target, seed, false);
                }
            }
            model.mutate(0);
            boolean confirmed = stack.end(RELEASE);
            if (calls != null) {
                // What waited for the end of the lease has heard of it.
                boolean _ = calls.ends(target, seed, true);
            }
            assertThat(stack.escaped())
                    .as("%s, seed %d: thrown by an agent", target, seed)
                    .isEmpty();
            assertThat(confirmed).as("%s, seed %d: reset confirmed", target, seed).isTrue();
            heals(target, rig, seed);
        }
        return model.mutations();
    }

    /// Something that may fail as devices fail, in bounded time.
    private final class Step {
        private final String what;
        private final AtomicReference<Thread> who = new AtomicReference<>();
        private final Future<?> done;

        Step(String what, Work work) {
            this.what = what;
            done =
                    worker.submit(() -> {
                        who.set(Thread.currentThread());
                        work.run();
                        return true;
                    });
        }

        /// Waits until it has ended, or until something else is so.
        ///
        /// @return whether it has ended
        boolean endsOr(BooleanSupplier other) throws InterruptedException {
            long end = System.nanoTime() + HANG.toNanos();
            while (!done.isDone() && System.nanoTime() - end < 0) {
                if (other.getAsBoolean()) {
                    return false;
                }
                try {
                    Object _ = done.get(5, TimeUnit.MILLISECONDS);
                } catch (TimeoutException | ExecutionException e) {
                    continue; // the loop looks again
                }
            }
            return true;
        }

        /// @param released whether the lease has ended, so that handles are closed
        /// @return whether it succeeded
        boolean ends(FuzzTarget target, long seed, boolean released) throws InterruptedException {
            try {
                Object _ = done.get(HANG.toMillis(), TimeUnit.MILLISECONDS);
                return true;
            } catch (TimeoutException e) {
                String stack = Arrays.toString(who.get().getStackTrace());
                throw new AssertionError(
                        "%s, seed %d: %s hangs: %s".formatted(target, seed, what, stack), e);
            } catch (ExecutionException e) {
                Throwable why = e.getCause();
                if (why instanceof DeviceException
                        || why instanceof BlockException
                        || why instanceof NetworkException
                        || why instanceof ModuleError
                        || released && why instanceof IllegalStateException) {
                    return false;
                }
                throw new AssertionError("%s, seed %d: %s".formatted(target, seed, what), why);
            }
        }
    }

    /// The device no longer misbehaves: a new generation works.
    private void heals(FuzzTarget target, FuzzRig rig, long seed) throws Exception {
        FuzzStack stack = new FuzzStack(rig);
        Future<?> done =
                worker.submit(() -> {
                    target.bringUp(stack, true);
                    target.roundTrip(stack);
                    stack.stop();
                    return true;
                });
        try {
            done.get(HANG.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException e) {
            throw new AssertionError("%s, seed %d: it does not heal".formatted(target, seed), e);
        }
        assertThat(stack.end(RELEASE)).as("%s, seed %d", target, seed).isTrue();
    }
}
