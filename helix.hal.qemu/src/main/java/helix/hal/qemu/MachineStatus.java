package helix.hal.qemu;

import helix.hal.api.machine.Machine;
import helix.hal.api.machine.Machine.State;
import helix.hal.api.machine.Machine.Status;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The machine's status and who is told of changes, on a thread of its own: what finds a change may
/// hold locks.
final class MachineStatus implements QtestClient.Listener, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(MachineStatus.class);

    private final String machine;
    private final ScheduledThreadPoolExecutor events;
    private final List<Machine.Listener> listeners = new CopyOnWriteArrayList<>();
    private boolean stopped;
    private volatile Status status = new Status(State.READY, "");

    MachineStatus(String machine) {
        this.machine = machine;
        events =
                new ScheduledThreadPoolExecutor(
                        1,
                        Thread.ofPlatform()
                                .daemon()
                                .name("helix-" + machine + "-events")
                                .factory());
        events.setRemoveOnCancelPolicy(true);
    }

    Status get() {
        return status;
    }

    /// Changes the status. FAILED stays; only its detail may become better.
    void set(State state, String detail) {
        Status next = new Status(state, detail);
        synchronized (this) {
            if (stopped
                    || status.equals(next)
                    || (status.state() == State.FAILED && state != State.FAILED)) {
                return;
            }
            status = next;
        }
        switch (state) {
            case READY -> LOG.info("machine {} is ready again", machine);
            case STALLED -> LOG.warn("machine {} is stalled: {}", machine, detail);
            case FAILED -> LOG.error("machine {} failed: {}", machine, detail);
        }
        tell(listener -> listener.statusChanged(next));
    }

    @Override
    public void stalled(String detail) {
        set(State.STALLED, detail);
    }

    @Override
    public void recovered() {
        set(State.READY, "");
    }

    @Override
    public void gone(String detail) {
        set(State.FAILED, detail);
    }

    /// The machine is about to be switched off: from now on nothing that happens is a failure.
    synchronized void stop() {
        stopped = true;
        status = new Status(State.FAILED, "stopped");
    }

    /// Tells all that PCI functions may have come or gone.
    void pciChanged() {
        tell(Machine.Listener::pciChanged);
    }

    Machine.Subscription listen(Machine.Listener listener) {
        // A wrapper, so that a listener subscribed twice is told twice and each can be ended.
        Machine.Listener entry =
                new Machine.Listener() {
                    @Override
                    public void statusChanged(Status next) {
                        listener.statusChanged(next);
                    }

                    @Override
                    public void pciChanged() {
                        listener.pciChanged();
                    }
                };
        listeners.add(entry);
        return () -> listeners.remove(entry);
    }

    /// Runs something on the machine's own thread after a while.
    void after(Duration delay, Runnable task) {
        var _ = events.schedule(task, delay.toMillis(), TimeUnit.MILLISECONDS);
    }

    /// Runs something soon, on the machine's own thread.
    void later(Runnable task) {
        try {
            events.execute(task);
        } catch (RejectedExecutionException e) {
            LOG.debug("machine {} was closed meanwhile", machine);
        }
    }

    private void tell(Consumer<Machine.Listener> message) {
        later(() -> listeners.forEach(listener -> tell(listener, message)));
    }

    private void tell(Machine.Listener listener, Consumer<Machine.Listener> message) {
        try {
            message.accept(listener);
        } catch (RuntimeException e) {
            LOG.error("a listener of machine {} failed", machine, e);
        }
    }

    @Override
    public void close() {
        events.shutdownNow();
    }
}
