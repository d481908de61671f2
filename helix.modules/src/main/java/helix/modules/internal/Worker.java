package helix.modules.internal;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/// The one thread that calls a module: what is posted runs one after the other. The step it is in
/// and until when that may last can be seen from outside, because code that hangs does not say so.
final class Worker {
    /// Something to do, or to give up when the worker has ended before.
    interface Task {
        void run();

        /// Called instead of [#run()].
        default void cancel() {}
    }

    /// What the worker is in the middle of.
    record Step(String what, Duration limit, long began) {
        boolean isOverdue(long nanoTime) {
            return nanoTime - began > limit.toNanos();
        }
    }

    private static final Task END = () -> {};

    private final LinkedBlockingQueue<Task> tasks = new LinkedBlockingQueue<>();
    private final Thread thread;
    private volatile @Nullable Step step;
    private volatile boolean ended;

    /// @param onExit called by the thread as the last it does
    Worker(String module, String deviceId, Runnable onExit) {
        thread =
                Threads.start(
                        module,
                        deviceId,
                        "worker",
                        () -> {
                            loop();
                            onExit.run();
                        });
    }

    private void loop() {
        try {
            for (Task task = tasks.take(); !task.equals(END); task = tasks.take()) {
                if (ended) {
                    task.cancel();
                } else {
                    task.run();
                }
            }
        } catch (InterruptedException e) {
            // Only after this worker was given up; nobody else knows its thread.
            ended = true;
        }
        for (Task task = tasks.poll(); task != null; task = tasks.poll()) {
            task.cancel();
        }
    }

    void post(Task task) {
        if (ended) {
            task.cancel();
            return;
        }
        tasks.add(task);
        if (ended && tasks.remove(task)) {
            task.cancel();
        }
    }

    /// Calls a module's code, under the supervisor's eyes.
    <T extends @Nullable Object> T step(String what, Duration limit, Callable<T> body)
            throws Exception {
        step = new Step(what, limit, System.nanoTime());
        try {
            return body.call();
        } finally {
            step = null;
        }
    }

    /// What it is doing.
    @Nullable Step current() {
        return step;
    }

    Thread thread() {
        return thread;
    }

    boolean isCurrentThread() {
        return Thread.currentThread().equals(thread);
    }

    String where() {
        return Reason.where(thread);
    }

    /// Waits until the thread is gone; it was told to end.
    void awaitExit(Duration limit) throws InterruptedException {
        thread.join(limit);
    }

    /// Runs nothing more; what waits is cancelled.
    void end() {
        ended = true;
        tasks.add(END);
    }

    /// Gives up on code that does not return, after everything was taken from it.
    void abandon() {
        end();
        thread.interrupt();
        for (Task task = tasks.poll(); task != null; task = tasks.poll()) {
            task.cancel();
        }
        tasks.add(END);
    }
}
