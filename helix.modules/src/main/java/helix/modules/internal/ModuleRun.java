package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.Lease;
import helix.hal.api.lease.LeaseService;
import helix.modules.api.Agent;
import helix.modules.api.Event;
import helix.modules.api.Idle;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext.AgentHandle;
import helix.modules.api.ModuleContext.Registration;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One generation: one driver with one device from the grant of its lease to the lease's end.
///
/// The module is called by this run's worker and nobody else. Whoever wants something of it posts
/// it there. What the worker does can be seen by the supervisor; when a step takes longer than it
/// may, the run is fenced: another thread takes everything from the module, and the worker, should
/// it ever come back, finds nothing left to do.
final class ModuleRun {
    /// The longest that one round of an agent may take.
    static final Duration AGENT_LIMIT = Duration.ofSeconds(1);

    /// The longest that it may take if it is in a call of the HAL by then, which has a deadline of
    /// its own: a machine answers an access within a second or is stalled.
    static final Duration AGENT_IN_HAL_LIMIT = Duration.ofSeconds(2);

    /// How long agents have to get out when the module was given up.
    private static final Duration ABANDON_LIMIT = Duration.ofMillis(200);

    /// How long what waits for a service's withdrawal is waited for when the module was given up.
    private static final Duration WITHDRAW_LIMIT = Duration.ofMillis(500);

    /// The longest that constructing a module may take.
    private static final Duration CONSTRUCT_LIMIT = Duration.ofSeconds(10);

    /// The longest that an event, or a question after its health, may take.
    private static final Duration EVENT_LIMIT = Duration.ofSeconds(5);

    /// How long what is in flight has to end by itself.
    private static final Duration QUIESCE_LIMIT = Duration.ofSeconds(2);

    /// How long the device has to confirm its reset.
    private static final Duration RELEASE_LIMIT = Duration.ofSeconds(5);

    /// How long a module has to save its state.
    private static final Duration SAVE_LIMIT = Duration.ofSeconds(1);

    private static final String GONE = "the device is gone";
    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

    /// Thrown in the worker when it comes back from a step after the run was fenced.
    private static final class Fenced extends RuntimeException {
        private static final long serialVersionUID = 1;

        Fenced() {
            super("this generation is over", null, false, false);
        }
    }

    /// How a run came to its end.
    enum Ending {
        /// Somebody wanted it to end.
        ASKED,
        /// The driver said in so many words that it cannot drive this device.
        REFUSED,
        /// Anything else: code that threw, hung, or reported that it cannot go on.
        CRASHED
    }

    /// The binder, as a run sees it.
    interface Host {
        /// Grants, constructs and gives back.
        Bringing bringing();

        /// The state of a run has changed.
        void changed();

        /// A run has come to its end; what remains of it is its status.
        void ended(ModuleRun run);

        /// The hung code of a run that was given up has returned after all.
        void returned(ModuleRun run);
    }

    private final Host host;
    private final KnownDevice device;
    private final String deviceId;
    private final long deviceService;
    private final long factory;
    private final String driverName;
    private final String version;
    private final String name;
    private final int unit;

    private final Worker worker;
    private final Agents agents;
    private final Services services = new Services();
    private final AtomicReference<@Nullable Cause> cause = new AtomicReference<>();
    private final AtomicBoolean fenced = new AtomicBoolean();
    private final AtomicBoolean finished = new AtomicBoolean();
    private final AtomicBoolean ticking = new AtomicBoolean();
    private final CountDownLatch end = new CountDownLatch(1);

    private volatile List<AgentThread> stuckAgents = List.of();
    private volatile @Nullable Thread stuckHandler;
    private volatile boolean refused;
    private volatile boolean served;

    // Dropped at the end, so that an old status keeps no driver's class.
    private volatile @Nullable Driver driver;
    private volatile @Nullable Module module;
    private volatile @Nullable Instance instance;
    private volatile @Nullable Lease lease;
    private volatile @Nullable LeaseService leases;

    // What a take-over adds, see the section there.
    private volatile @Nullable Inheritance inheritance;
    private volatile boolean handedOver;
    private volatile boolean touched;
    private volatile String failedIn = "";

    private volatile boolean left;
    private volatile long generation;
    private volatile State state = State.DISCOVERED;
    private volatile String reason = "";

    ModuleRun(Host host, KnownDevice device, Driver driver, int unit) {
        this.host = host;
        this.device = device;
        this.deviceId = device.id();
        this.deviceService = device.serviceId();
        this.driver = driver;
        this.factory = driver.serviceId();
        this.driverName = driver.name();
        this.version = driver.version().toString();
        this.unit = unit;
        this.name = driver.prefix() + unit;
        this.agents = new Agents(name, deviceId, this::noteReturn, this::agentFailed);
        this.worker = new Worker(name, deviceId, this::workerLeft);
    }

    String name() {
        return name;
    }

    int unit() {
        return unit;
    }

    String deviceId() {
        return deviceId;
    }

    /// The service id of the device it was made for.
    long deviceService() {
        return deviceService;
    }

    /// The service id of the factory it was made by.
    long factory() {
        return factory;
    }

    String driverName() {
        return driverName;
    }

    State state() {
        return state;
    }

    ModuleStatus status() {
        return new ModuleStatus(
                name, deviceId, driverName, version, generation, state, reason, services.labels());
    }

    /// How it ended; to be asked when it has.
    Ending ending() {
        Cause why = cause.get();
        if (why != null && why.failure() == null) {
            return Ending.ASKED;
        }
        return refused ? Ending.REFUSED : Ending.CRASHED;
    }

    /// Whether its end is under way.
    boolean isEnding() {
        return cause.get() != null || fenced.get();
    }

    /// Whether it was ever in service.
    boolean hasServed() {
        return served;
    }

    /// The threads of an ended run that are still in the driver's code.
    List<Thread> zombies() {
        if (!finished.get()) {
            return List.of();
        }
        boolean inStep = fenced.get() && !left && worker.current() != null;
        return Stream.concat(
                        Stream.of(inStep ? worker.thread() : null, stuckHandler),
                        stuckAgents.stream().map(AgentThread::thread))
                .filter(t -> t != null && t.isAlive())
                .toList();
    }

    // --- from discovery to service ---------------------------------------------------------------

    /// Begins; comes back at once.
    void begin() {
        worker.post(this::bringUp);
    }

    private void bringUp() {
        Driver of = driver;
        if (of == null || cause.get() != null) {
            return;
        }
        String doing = "being checked";
        try {
            Bringing bringing = host.bringing();
            step("the check of its class files", CONSTRUCT_LIMIT, () -> bringing.check(of));
            doing = "its lease";
            Inheritance from = inheritance;
            Bringing.Grant grant = from == null ? bringing.grant(device, of) : from.grant();
            leases = grant.by();
            lease = grant.lease();
            generation = grant.lease().epoch();
            doing = "constructor";
            Module ahead = module;
            Module made = ahead == null ? construct(bringing, of) : ahead;
            Context context = new Context(this, device.device(), grant.lease(), of, from != null);
            doing = "init";
            step(doing, limit(made, Module.Step.INIT), () -> run(() -> made.init(context)));
            if (from != null) {
                doing = "migrate";
                ModuleState state = fit(made, from.state());
                doing = "restoreState";
                step(
                        doing,
                        limit(made, Module.Step.INIT),
                        () -> run(() -> made.restoreState(state)));
            }
            touched = true;
            enter(State.INITIALIZED);
            if (cause.get() == null) {
                doing = "start";
                step(doing, limit(made, Module.Step.START), () -> run(made::start));
                agents.begin();
                served = true;
                inheritance = null;
                enter(State.RUNNING);
                LOG.info(
                        "{} drives {} ({} {}, generation {})",
                        name,
                        deviceId,
                        driverName,
                        version,
                        generation);
            }
        } catch (Fenced e) {
            LOG.debug("{}: {}", name, e.getMessage());
        } catch (Throwable e) { // a driver's failure, whatever it is, stays with its module
            if (!fenced.get()) {
                bringUpFailed(doing, e);
            }
        }
    }

    private void bringUpFailed(String doing, Throwable e) {
        Cause first = cause.compareAndExchange(null, Cause.failure(Reason.of(e)));
        // What it needed was taken away meanwhile, and that is why it failed.
        boolean isStopped = first != null && first.failure() == null;
        boolean plain = e instanceof ModuleError || e instanceof DeviceException;
        // What did not answer in time may do so the next time.
        refused = plain && first == null && !(e instanceof DeviceTimeoutException);
        if (!plain && !isStopped) {
            LOG.warn("{}: {} failed", name, doing, e);
        }
        failedIn = doing;
        services.close();
        closeAgents();
        // A device that was not touched goes on, and its lease can be passed on once more.
        boolean goesOn = inheritance != null && !touched && first == null;
        String unconfirmed = goesOn ? null : release();
        dispose();
        if (isStopped) {
            finish(State.STOPPED, first.isGone() ? GONE : "");
            return;
        }
        // An earlier report of the module's own tells more than what followed from it.
        String own = first == null ? null : first.failure();
        String text = own == null ? Reason.of(e) : own;
        finish(State.FAILED, unconfirmed == null ? text : text + "; " + unconfirmed);
    }

    private Module construct(Bringing bringing, Driver of) throws Exception {
        Instance made =
                worker.step("constructor", CONSTRUCT_LIMIT, () -> bringing.construct(of, device));
        if (fenced.get()) {
            made.dispose();
            throw new Fenced();
        }
        instance = made;
        module = made.module();
        return made.module();
    }

    // --- from service to the end -----------------------------------------------------------------

    /// Why it would end now without a fault of its own.
    Cause going(Duration stopLimit) {
        // The registry may tell of a driver's end before it tells of the device's that caused it.
        return device.device().isPresent() ? Cause.stop(stopLimit) : Cause.gone(stopLimit);
    }

    /// Ends this run and waits for that.
    void stop(Cause why, Duration within) {
        requestEnd(why);
        if (worker.isCurrentThread() || agents.isCurrentThread()) {
            return; // it waits for itself otherwise
        }
        try {
            if (!end.await(within.toMillis(), TimeUnit.MILLISECONDS)) {
                fence("it did not stop within " + seconds(within) + ", it is in " + worker.where());
                end.await(RELEASE_LIMIT.toMillis() + 2_000, TimeUnit.MILLISECONDS);
            }
            if (!fenced.get()) {
                worker.awaitExit(EVENT_LIMIT); // has nothing to do any more
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// Ends this run without waiting.
    void requestEnd(Cause why) {
        if (cause.compareAndSet(null, why)) {
            worker.post(this::tearDown);
        }
    }

    /// The module's own report that it cannot go on.
    void fail(String why, Throwable failure) {
        if (cause.get() == null && !fenced.get()) {
            // First, because a log line takes memory, of which there may be none.
            requestEnd(Cause.failure(why));
            LOG.warn("{}: {}", name, why, failure);
        }
    }

    /// Gives the module up because code of it hangs on a thread of the HAL's.
    ///
    /// @param handler that thread, if it is known
    void hang(String why, @Nullable Thread handler) {
        if (cause.get() == null) {
            stuckHandler = handler;
            fence(why);
        }
    }

    private void agentFailed(AgentThread agent, Throwable failure) {
        fail("agent " + agent.name() + ": " + Reason.of(failure), failure);
    }

    private void tearDown() {
        Cause why = cause.get();
        if (why == null || fenced.get() || finished.get()) {
            return;
        }
        try {
            String failure = why.failure();
            Module m = module;
            if (m != null && (state == State.RUNNING || state == State.INITIALIZED)) {
                failure = first(failure, stopModule(m, why));
            }
            step("withdrawing its services", EVENT_LIMIT, () -> run(services::close));
            String unconfirmed = release();
            dispose();
            failure = first(failure, why.isGone() ? null : unconfirmed);
            finish(
                    failure == null ? State.STOPPED : State.FAILED,
                    failure != null ? failure : why.isGone() ? GONE : "");
        } catch (Fenced e) {
            LOG.debug("{}: {}", name, e.getMessage());
        } catch (Throwable e) { // of the platform's own steps, or memory
            fence("its end failed: " + Reason.of(e));
            LOG.warn("{} did not end cleanly", name, e);
        }
    }

    /// Takes a module out of service.
    ///
    /// @return what failed, or null
    private @Nullable String stopModule(Module m, Cause why) throws Exception {
        boolean served = state == State.RUNNING;
        if (served && why.isGone()) {
            attempt("handleEvent", EVENT_LIMIT, () -> m.handleEvent(new Event.DeviceRemoved()));
        }
        enter(State.QUIESCED);
        step("withdrawing its services", EVENT_LIMIT, () -> run(services::close));
        String failure = null;
        if (served && !why.isGone() && !why.isReplaced() && why.failure() == null) {
            failure =
                    attempt(
                            "quiesce",
                            QUIESCE_LIMIT.plusSeconds(1),
                            () -> m.quiesce(Deadline.after(QUIESCE_LIMIT)));
        }
        failure = first(failure, closeAgents());
        Duration own = limit(m, Module.Step.STOP);
        Duration limit = own.compareTo(why.stopLimit()) < 0 ? own : why.stopLimit();
        String stop = attempt("stop", limit, m::stop);
        // A device that is gone does not obey; that is no news.
        return why.isGone() ? null : first(failure, stop);
    }

    private @Nullable String closeAgents() {
        List<AgentThread> stuck = agents.close(Deadline.after(AGENT_LIMIT));
        stuckAgents = stuck;
        return stuck.isEmpty()
                ? null
                : "agent " + stuck.get(0).name() + " stuck in " + stuck.get(0).where();
    }

    /// Gives the lease back.
    ///
    /// @return why the device did not confirm, or null if it did
    private @Nullable String release() {
        LeaseService by = leases;
        Lease of = lease;
        if (by == null || of == null) {
            return null;
        }
        leases = null;
        LeaseService.Release release = by.release(of, Deadline.after(RELEASE_LIMIT));
        stuckAgents.forEach(AgentThread::interrupt);
        return release.confirmed()
                ? null
                : "the device did not confirm its reset: " + release.reset();
    }

    private void dispose() {
        Instance of = instance;
        instance = null;
        module = null;
        if (of != null) {
            of.dispose();
        }
    }

    private void finish(State last, String why) {
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
        worker.end();
        host.ended(this);
        end.countDown();
    }

    // --- what hangs -----------------------------------------------------------------------------

    /// Looks whether something hangs. Called by the supervisor, some times a second.
    void check(long nanoTime) {
        Worker.Step step = worker.current();
        if (step != null && step.isOverdue(nanoTime)) {
            fence(
                    "%s hangs, for more than %s, in %s"
                            .formatted(step.what(), seconds(step.limit()), worker.where()));
            return;
        }
        AgentThread stuck =
                agents.stuck(nanoTime, AGENT_LIMIT.toNanos(), AGENT_IN_HAL_LIMIT.toNanos());
        if (cause.get() != null) {
            return; // its end is under way, and waits for agents itself
        }
        if (stuck != null) {
            // Not stopped in the usual way: `stop` may wait for what the agent holds.
            fence("agent " + stuck.name() + " stuck in " + stuck.where());
            return;
        }
        AgentThread lost = agents.lost();
        if (lost != null) {
            requestEnd(Cause.failure("agent " + lost.name() + " has ended without a word"));
        }
    }

    /// Gives up on the worker: takes everything from the module, on a thread of its own.
    void fence(String why) {
        if (!finished.get() && fenced.compareAndSet(false, true)) {
            Threads.start(name, deviceId, "reaper", () -> reap(why));
        }
    }

    private void reap(String why) {
        cause.compareAndSet(null, Cause.failure(why));
        String text = why;
        try {
            stuckAgents = agents.abandon(Deadline.after(ABANDON_LIMIT));
            String unconfirmed = release();
            text = unconfirmed == null ? why : why + "; " + unconfirmed;
            withdraw();
        } catch (Throwable e) { // the run ends all the same
            text = why + "; its lease could not be released: " + Reason.of(e);
            LOG.warn("{}: its lease could not be released", name, e);
        } finally {
            finish(State.ZOMBIE, text);
            worker.abandon();
            noteReturn();
        }
    }

    /// Takes a given-up module's services back. That calls code of others, which may wait for the
    /// module's: nothing else waits for that for long.
    private void withdraw() throws InterruptedException {
        Instance of = instance;
        instance = null;
        Thread thread =
                Threads.start(
                        name,
                        deviceId,
                        "withdrawal",
                        () -> {
                            services.close();
                            if (of != null) {
                                of.dispose();
                            }
                        });
        if (!thread.join(WITHDRAW_LIMIT)) {
            LOG.warn("{}: somebody holds up the withdrawal of its services", name);
        }
    }

    private void workerLeft() {
        left = true;
        noteReturn();
    }

    /// A hung module is no zombie any more once its thread is gone.
    private synchronized void noteReturn() {
        if (left && state == State.ZOMBIE && othersLeft()) {
            String why = reason + "; it has returned since";
            reason = why;
            state = State.FAILED;
            host.returned(this);
        }
    }

    private boolean othersLeft() {
        // The agent that says so is about to end, its thread still lives.
        Thread handler = stuckHandler;
        return (handler == null || !handler.isAlive())
                && stuckAgents.stream().allMatch(a -> a.isCurrentThread() || !a.isAlive());
    }

    // --- from one generation to the next ---------------------------------------------------------

    /// What a generation inherits from the one before.
    record Inheritance(Bringing.Grant grant, ModuleState state) {}

    /// What a generation leaves to the next.
    ///
    /// @param state null if nothing: the run then ends as usual
    /// @param why why not
    record Legacy(@Nullable ModuleState state, String why) {}

    /// Makes the module ahead of the rest of its bring-up, which waits for [#begin] or [#takeOver].
    ///
    /// @return complete when it is made; if it cannot be, the run ends as after a failed bring-up
    CompletableFuture<Void> prepare() {
        CompletableFuture<Void> made = new CompletableFuture<>();
        worker.post(() -> {
            Driver of = driver;
            try {
                if (of != null && cause.get() == null) {
                    construct(host.bringing(), of);
                    made.complete(null);
                    host.changed();
                }
            } catch (Fenced e) {
                LOG.debug("{}: {}", name, e.getMessage());
            } catch (Throwable e) { // a driver's failure, whatever it is, stays with its module
                if (!fenced.get()) {
                    bringUpFailed("constructor", e);
                }
            }
        });
        return made;
    }

    /// Begins with a device that is at work, instead of [#begin].
    void takeOver(Inheritance from) {
        inheritance = from;
        begin();
    }

    private ModuleState fit(Module made, ModuleState state) throws Exception {
        ModuleState.Schema own =
                step("stateSchema", EVENT_LIMIT, made::stateSchema)
                        .orElseThrow(() -> new ModuleError("it takes over no state"));
        if (state.version() == own.version()) {
            return state;
        }
        ModuleState migrated =
                step("migrate", limit(made, Module.Step.INIT), () -> made.migrate(state));
        if (!migrated.schema().equals(own.name())
                || migrated.version() != own.version()
                || !migrated.isIntact()) {
            throw new ModuleError(
                    "version %d became no intact version %d"
                            .formatted(state.version(), own.version()));
        }
        return migrated;
    }

    /// Asks the module for its state and, if it gives one, ends this run without touching the
    /// device: lease, services and instance stay until [#retire]. If it gives none, or one that is
    /// not what was agreed, this run ends as usual.
    CompletableFuture<Legacy> surrender(ModuleState.Schema agreed, Duration stopLimit) {
        CompletableFuture<Legacy> legacy = new CompletableFuture<>();
        worker.post(
                new Worker.Task() {
                    @Override
                    public void run() {
                        legacy.complete(leave(agreed, stopLimit));
                        host.changed();
                    }

                    @Override
                    public void cancel() {
                        legacy.complete(new Legacy(null, name + " has ended"));
                        host.changed(); // comes after the end, which nobody tells of again
                    }
                });
        return legacy;
    }

    private Legacy leave(ModuleState.Schema agreed, Duration stopLimit) {
        Module m = module;
        if (m == null
                || state != State.RUNNING
                || !cause.compareAndSet(null, Cause.replaced(stopLimit))) {
            return new Legacy(null, name + " is ending already");
        }
        Legacy legacy = new Legacy(null, "");
        try {
            String stuck = closeAgents();
            if (stuck == null) {
                Optional<ModuleState> saved = step("saveState", SAVE_LIMIT, m::saveState);
                legacy = Legacies.judge(name, saved, agreed);
                if (saved.isPresent()) {
                    enter(State.QUIESCED); // the module is over: it is not stopped any more
                }
            } else {
                legacy = new Legacy(null, stuck);
            }
        } catch (Fenced e) {
            return new Legacy(null, name + " hangs");
        } catch (Throwable e) { // the module's failure
            LOG.warn("{}: saveState failed", name, e);
            legacy = new Legacy(null, "saveState: " + Reason.of(e));
        }
        if (legacy.state() == null) {
            tearDown();
        } else if (finished.compareAndSet(false, true)) {
            module = null;
            handedOver = true;
            worker.end();
            host.ended(this);
            end.countDown();
        }
        return legacy;
    }

    /// Withdraws what a run that was handed over has published, and disposes of its instance.
    void retire() {
        if (!handedOver) {
            return;
        }
        services.close();
        dispose();
        driver = null;
        lease = null;
        leases = null;
        state = State.STOPPED;
    }

    /// Whether nothing more will become of it.
    boolean isOver() {
        return handedOver
                || state == State.STOPPED
                || state == State.FAILED
                || state == State.ZOMBIE;
    }

    /// Whether it ended before it could change anything of the device that it took over, whose
    /// lease is valid still.
    boolean isUntouched() {
        return state == State.FAILED && inheritance != null && !touched && !fenced.get();
    }

    /// The step of the bring-up that failed, empty if none did.
    String failedIn() {
        return failedIn;
    }

    String reason() {
        return reason;
    }

    /// Its lease, null before the grant and after the end.
    Bringing.@Nullable Grant grant() {
        Lease of = lease;
        LeaseService by = leases;
        return of == null || by == null ? null : new Bringing.Grant(by, of);
    }

    /// The lease that it took over, null once it serves.
    Bringing.@Nullable Grant inherited() {
        Inheritance from = inheritance;
        return from == null ? null : from.grant();
    }

    /// The devices that it has found behind its own.
    List<String> children() {
        return services.devices();
    }

    /// What state the module in service saves; empty also if it does not say in time.
    CompletableFuture<Optional<ModuleState.Schema>> schema() {
        CompletableFuture<Optional<ModuleState.Schema>> schema = new CompletableFuture<>();
        worker.post(
                new Worker.Task() {
                    @Override
                    public void run() {
                        inService("stateSchema", m -> schema.complete(m.stateSchema()));
                        schema.complete(Optional.empty());
                    }

                    @Override
                    public void cancel() {
                        schema.complete(Optional.empty());
                    }
                });
        return schema;
    }

    // --- in service ------------------------------------------------------------------------------

    /// Passes a second on, and asks how the module is.
    void tick(long nanoTime) {
        if (state == State.RUNNING && ticking.compareAndSet(false, true)) {
            worker.post(() -> {
                ticking.set(false);
                inService("handleEvent", m -> m.handleEvent(new Event.Tick(nanoTime)));
                inService("health", m -> health(m.health()));
            });
        }
    }

    /// Passes an event on.
    ///
    /// @return complete when the module has taken note, or will not
    CompletableFuture<Void> tell(Event event) {
        CompletableFuture<Void> told = new CompletableFuture<>();
        worker.post(
                new Worker.Task() {
                    @Override
                    public void run() {
                        inService("handleEvent", m -> m.handleEvent(event));
                        told.complete(null);
                    }

                    @Override
                    public void cancel() {
                        told.complete(null);
                    }
                });
        return told;
    }

    private void health(Module.Health health) {
        String detail = health.ok() || !health.detail().isEmpty() ? health.detail() : "not well";
        if (!detail.equals(reason)) {
            LOG.info("{} says: {}", name, detail.isEmpty() ? "all is well" : detail);
            reason = detail;
            host.changed();
        }
    }

    private void inService(String what, java.util.function.Consumer<Module> call) {
        Module m = module;
        if (m == null || state != State.RUNNING || cause.get() != null) {
            return;
        }
        try {
            step(what, EVENT_LIMIT, () -> run(() -> call.accept(m)));
        } catch (Fenced e) {
            LOG.debug("{}: {}", name, e.getMessage());
        } catch (Throwable e) { // the module's failure
            fail(what + ": " + Reason.of(e), e);
        }
    }

    /// Passes a request on and waits for the answer.
    Object request(Request request) {
        if (worker.isCurrentThread()) {
            throw new ModuleError(name + " cannot ask itself");
        }
        Question question = new Question(this, request);
        worker.post(question);
        return question.answer();
    }

    /// Asks the module; on the worker.
    Object ask(Request request) throws Exception {
        Module m = module;
        if (m == null || state != State.RUNNING) {
            throw new ModuleError(name + " is " + state + (reason.isEmpty() ? "" : ": " + reason));
        }
        return step(
                "handleRequest " + request.name(), Question.LIMIT, () -> m.handleRequest(request));
    }

    // --- what the context passes on --------------------------------------------------------------

    <T> Registration publish(Class<T> type, T service, Map<String, ?> properties) {
        Instance of = instance;
        if (of == null || fenced.get()) {
            throw new ModuleError(name + " is being stopped and publishes nothing more");
        }
        return services.publish(
                of.bundleContext(),
                new Services.Owner(deviceId, driverName, name, generation),
                type,
                service,
                properties);
    }

    AgentHandle agent(String role, Agent agent, Idle idle) {
        return agents.add(role, agent, idle);
    }

    // --- steps -----------------------------------------------------------------------------------

    private void enter(State next) {
        if (!fenced.get()) {
            state = next;
            host.changed();
        }
    }

    private Duration limit(Module m, Module.Step of) throws Exception {
        return step("limit", EVENT_LIMIT, () -> m.limit(of));
    }

    private <T extends @Nullable Object> T step(String what, Duration limit, Callable<T> body)
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

    /// Takes a step whose failure does not keep the next one from being taken.
    ///
    /// @return what failed, or null
    private @Nullable String attempt(String what, Duration limit, Body body) {
        try {
            step(what, limit, () -> run(body));
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

    private static @Nullable Void run(Body body) throws Exception {
        body.run();
        return null;
    }

    private static @Nullable String first(@Nullable String one, @Nullable String other) {
        return one != null ? one : other;
    }

    static String seconds(Duration duration) {
        return duration.toMillis() % 1000 == 0
                ? duration.toSeconds() + " s"
                : duration.toMillis() + " ms";
    }

    /// Something that may fail.
    @FunctionalInterface
    private interface Body {
        void run() throws Exception;
    }
}
