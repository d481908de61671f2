package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.hal.api.Lease;
import helix.hal.api.lease.LeaseService;
import helix.modules.api.Module;
import helix.modules.api.binder.Binder.State;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What the parts of a [ModuleRun] share: what it holds, where it is in its life, and how a step of
/// the module's is taken.
final class Life {
    /// The longest that an event, or a question after its health, may take.
    static final Duration EVENT_LIMIT = Duration.ofSeconds(5);

    /// The longest that a component's `@Deactivate` may take.
    static final Duration DISPOSE_LIMIT = Duration.ofSeconds(2);

    /// How long the device has to confirm its reset.
    static final Duration RELEASE_LIMIT = Duration.ofSeconds(5);

    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

    /// Thrown in the worker when it comes back from a step after the run was fenced.
    static final class Fenced extends RuntimeException {
        private static final long serialVersionUID = 1;

        Fenced() {
            super("this generation is over", null, false, false);
        }
    }

    /// Something that may fail.
    @FunctionalInterface
    interface Body {
        void run() throws Exception;
    }

    final ModuleRun run;
    final ModuleRun.Host host;
    final KnownDevice device;
    final String name;
    final String deviceId;
    final Worker worker;
    final Agents agents;
    final Services services = new Services();

    /// Why it ends; set once, and then its end is under way.
    final AtomicReference<@Nullable Cause> cause = new AtomicReference<>();

    /// Whether the worker was given up.
    final AtomicBoolean fenced = new AtomicBoolean();

    final AtomicBoolean finished = new AtomicBoolean();
    final CountDownLatch end = new CountDownLatch(1);
    private final Object leaseLock = new Object();

    volatile List<AgentThread> stuckAgents = List.of();

    // Dropped at the end, so that an old status keeps no driver's class.
    volatile @Nullable Driver driver;
    volatile @Nullable Module module;
    volatile @Nullable Instance instance;
    volatile @Nullable Lease lease;
    volatile @Nullable LeaseService leases;

    /// What it takes over; null once it serves.
    volatile ModuleRun.@Nullable Inheritance inheritance;

    volatile boolean handedOver;
    volatile boolean touched;
    volatile boolean refused;
    volatile boolean served;
    volatile String failedIn = "";
    volatile long generation;
    volatile State state = State.DISCOVERED;
    volatile String reason = "";

    Life(ModuleRun run, ModuleRun.Host host, KnownDevice device, Driver driver, String name) {
        this.run = run;
        this.host = host;
        this.device = device;
        this.driver = driver;
        this.name = name;
        this.deviceId = device.id();
        this.agents = new Agents(name, deviceId, run::noteReturn, run::agentFailed);
        this.worker = new Worker(name, deviceId, run::workerLeft);
    }

    void enter(State next) {
        if (!fenced.get()) {
            state = next;
            host.changed();
        }
    }

    // --- steps -----------------------------------------------------------------------------------

    Duration limit(Module m, Module.Step of) throws Exception {
        return step("limit", EVENT_LIMIT, () -> m.limit(of));
    }

    <T extends @Nullable Object> T step(String what, Duration limit, Callable<T> body)
            throws Exception {
        if (fenced.get()) {
            throw new Fenced();
        }
        T result = worker.step(what, limit, body);
        if (fenced.get()) {
            throw new Fenced();
        }
        return result;
    }

    void take(String what, Duration limit, Body body) throws Exception {
        Callable<@Nullable Void> callable =
                () -> {
                    body.run();
                    return null;
                };
        step(what, limit, callable);
    }

    /// Takes a step whose failure does not keep the next one from being taken.
    ///
    /// @return what failed, or null
    @Nullable String attempt(String what, Duration limit, Body body) {
        try {
            take(what, limit, body);
            return null;
        } catch (Fenced e) {
            throw e;
        } catch (Throwable e) { // the module's failure
            if (fenced.get()) {
                throw new Fenced();
            }
            LOG.warn("{}: {} failed", name, what, e);
            return what + ": " + Reason.of(e);
        }
    }

    // --- giving back -----------------------------------------------------------------------------

    @Nullable String closeAgents() {
        List<AgentThread> stuck = agents.close(Deadline.after(ModuleRun.AGENT_LIMIT));
        stuckAgents = stuck;
        return stuck.isEmpty()
                ? null
                : "agent " + stuck.get(0).name() + " stuck in " + stuck.get(0).where();
    }

    /// Takes note of its lease. If the run was given up meanwhile nobody else would give that back.
    void hold(Bringing.Grant grant) {
        synchronized (leaseLock) {
            lease = grant.lease();
            leases = grant.by();
            generation = grant.lease().epoch();
        }
        if (fenced.get()) {
            boolean isLeft;
            synchronized (leaseLock) {
                isLeft = leases != null;
                lease = null;
                leases = null;
            }
            String unconfirmed = isLeft ? release(grant) : null;
            if (unconfirmed != null) {
                LOG.warn("{}: {}", name, unconfirmed);
            }
            throw new Fenced();
        }
    }

    /// Gives the lease back; once, whoever is first.
    ///
    /// @return why the device did not confirm, or null if it did
    @Nullable String release() {
        Bringing.Grant held;
        synchronized (leaseLock) {
            held = grant();
            leases = null;
        }
        return held == null ? null : release(held);
    }

    private @Nullable String release(Bringing.Grant held) {
        LeaseService.Release release =
                held.by().release(held.lease(), Deadline.after(RELEASE_LIMIT));
        stuckAgents.forEach(AgentThread::interrupt);
        return release.confirmed()
                ? null
                : "the device did not confirm its reset: " + release.reset();
    }

    /// Disposes of its instance, which is code of the driver's, under the supervisor's eyes.
    void disposeInStep() {
        var _ = attempt("@Deactivate", DISPOSE_LIMIT, this::dispose);
    }

    void dispose() {
        Instance of = instance;
        instance = null;
        module = null;
        if (of != null) {
            of.dispose();
        }
    }

    void finish(State last, String why) {
        if (!finished.compareAndSet(false, true)) {
            return;
        }
        module = null;
        driver = null;
        lease = null;
        reason = why;
        state = last;
        if (last == State.STOPPED) {
            LOG.info("{} on {} has stopped{}", name, deviceId, why.isEmpty() ? "" : ": " + why);
        } else {
            LOG.warn("{} on {} is {}: {}", name, deviceId, last, why);
        }
        over();
    }

    /// Tells that nothing more will become of it.
    void over() {
        worker.end();
        host.ended(run);
        end.countDown();
    }

    /// Its lease, null before the grant and after the end.
    Bringing.@Nullable Grant grant() {
        Lease of = lease;
        LeaseService by = leases;
        return of == null || by == null ? null : new Bringing.Grant(by, of);
    }
}
