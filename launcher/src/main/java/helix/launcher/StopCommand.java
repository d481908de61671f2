package helix.launcher;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `stop`: ends the background platform, until its process is gone.
@Command(name = "stop", description = "Stops the running platform, until it is gone.")
final class StopCommand implements Callable<Integer> {
    /// Longer than a platform gives itself to stop.
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private static final Duration LOOK_EVERY = Duration.ofMillis(20);

    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Override
    public Integer call() {
        Instance served = instance.instance();
        Optional<ProcessHandle> process = served.holder().flatMap(ProcessHandle::of);
        if (process.isEmpty()) {
            throw new Failure("nothing runs in " + served.directory());
        }
        if (served.controlSocket().isPresent()) {
            new ControlClient(served).request("stop", "");
        } else {
            process.get().destroy(); // not serving: a shell, or still starting
        }
        awaitEnd(served, process.get());
        return 0;
    }

    /// Until the lock is free: it outlives everything else of the process.
    private static void awaitEnd(Instance served, ProcessHandle process) {
        long end = System.nanoTime() + LIMIT.toNanos();
        try {
            while (served.holder().isPresent()) {
                if (System.nanoTime() - end > 0) {
                    process.destroyForcibly();
                    throw new Failure(
                            "process "
                                    + process.pid()
                                    + " did not stop within "
                                    + LIMIT.toSeconds()
                                    + " s and was killed");
                }
                TimeUnit.MILLISECONDS.sleep(LOOK_EVERY.toMillis());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while the platform was stopping", e);
        }
    }
}
