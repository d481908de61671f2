package helix.modules.internal;

import helix.modules.api.Agent;
import helix.modules.api.Event;
import helix.modules.api.Idle;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One generation: one driver with one device from the grant of its lease to the lease's end.
///
/// The module is called by this run's worker and nobody else. Whoever wants something of it posts
/// it there. What the worker does can be seen by the supervisor; when a step takes longer than it
/// may, the run is fenced: another thread takes everything from the module, and the worker, should
/// it ever come back, finds nothing left to do.
///
/// What happens in which part of its life is told by [BringUp], [InService], [TearDown], [HandOver]
/// and [Fencing].
final class ModuleRun {
    /// The longest that one round of an agent may take.
    static final Duration AGENT_LIMIT = Duration.ofSeconds(1);

    /// The longest that it may take if it is in a call of the HAL by then, which has a deadline of
    /// its own: a machine answers an access within a second or is stalled.
    static final Duration AGENT_IN_HAL_LIMIT = Duration.ofSeconds(2);

    /// Why a run has ended whose device is no longer there.
    static final String GONE = "the device is gone";

    private static final Logger LOG = LoggerFactory.getLogger(ModuleRun.class);

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

        /// Threads are in a driver's code that nobody waits for any more, beside those of a run
        /// that has ended.
        void left(String deviceId, List<Thread> threads);

        /// The hung code of a run that was given up has returned after all.
        void returned(ModuleRun run);
    }

    /// What a generation inherits from the one before.
    record Inheritance(Bringing.Grant grant, ModuleState state) {}

    /// What a generation leaves to the next.
    ///
    /// @param state null if nothing: the run then ends as usual
    /// @param why why not
    record Legacy(@Nullable ModuleState state, String why) {}

    private final KnownDevice device;
    private final long factory;
    private final String driverName;
    private final String version;
    private final String name;
    private final int unit;

    private final Life life;
    private final BringUp bringUp;
    private final InService inService;
    private final TearDown tearDown;
    private final HandOver handOver;
    private final Fencing fencing;

    ModuleRun(Host host, KnownDevice device, Driver driver, int unit) {
        this.device = device;
        this.factory = driver.serviceId();
        this.driverName = driver.name();
        this.version = driver.version().toString();
        this.unit = unit;
        this.name = driver.prefix() + unit;
        this.life = new Life(this, host, device, driver, name);
        this.bringUp = new BringUp(life);
        this.inService = new InService(life);
        this.tearDown = new TearDown(life);
        this.handOver = new HandOver(life, tearDown);
        this.fencing = new Fencing(life);
    }

    String name() {
        return name;
    }

    int unit() {
        return unit;
    }

    String deviceId() {
        return device.id();
    }

    /// Whether it has begun and may still serve for the first time.
    boolean isComingUp() {
        return !isEnding() && (state() == State.DISCOVERED || state() == State.INITIALIZED);
    }

    /// The service id of the device it was made for.
    long deviceService() {
        return device.serviceId();
    }

    /// The service id of the factory it was made by.
    long factory() {
        return factory;
    }

    String driverName() {
        return driverName;
    }

    State state() {
        return life.state;
    }

    String reason() {
        return life.reason;
    }

    ModuleStatus status() {
        return new ModuleStatus(
                name,
                device.id(),
                driverName,
                version,
                life.generation,
                life.state,
                life.reason,
                life.services.labels());
    }

    // --- to service ------------------------------------------------------------------------------

    /// Makes the module ahead of the rest of its bring-up, which waits for [#begin] or [#takeOver].
    ///
    /// @return complete when it is made; if it cannot be, the run ends as after a failed bring-up
    CompletableFuture<Void> prepare() {
        return bringUp.prepare();
    }

    /// Begins; comes back at once.
    void begin() {
        life.worker.post(bringUp::run);
    }

    /// Begins with a device that is at work, instead of [#begin].
    void takeOver(Inheritance from) {
        life.inheritance = from;
        begin();
    }

    /// Has the log tell what it drives. A run that has taken over does not do so by itself: its
    /// clients wait, and a line takes time.
    void announce() {
        LOG.info(
                "{} drives {} ({} {}, generation {})",
                name,
                device.id(),
                driverName,
                version,
                life.generation);
    }

    /// Whether it was ever in service.
    boolean hasServed() {
        return life.served;
    }

    /// Whether it ended before it could change anything of the device that it took over, whose
    /// lease is valid still.
    boolean isUntouched() {
        return life.state == State.FAILED
                && life.inheritance != null
                && !life.touched
                && !life.fenced.get();
    }

    /// The step of the bring-up that failed, empty if none did.
    String failedIn() {
        return life.failedIn;
    }

    /// Its lease, null before the grant and after the end.
    Bringing.@Nullable Grant grant() {
        return life.grant();
    }

    /// The lease that it took over, null once it serves.
    Bringing.@Nullable Grant inherited() {
        Inheritance from = life.inheritance;
        return from == null ? null : from.grant();
    }

    // --- in service ------------------------------------------------------------------------------

    /// Passes a second on, and asks how the module is.
    void tick(long nanoTime) {
        inService.tick(nanoTime);
    }

    /// Passes an event on.
    ///
    /// @return complete when the module has taken note, or will not
    CompletableFuture<Void> tell(Event event) {
        return inService.tell(event);
    }

    /// Passes a request on and waits for the answer.
    Object request(Request request) {
        return inService.request(request);
    }

    /// Asks the module; on the worker.
    Object ask(Request request) throws Exception {
        return inService.ask(request);
    }

    /// What state the module in service saves; empty also if it does not say in time.
    CompletableFuture<Optional<ModuleState.Schema>> schema() {
        return inService.schema();
    }

    /// The devices that it has found behind its own.
    List<String> children() {
        return life.services.devices();
    }

    <T> Registration publish(Class<T> type, T service, Map<String, ?> properties) {
        Instance of = life.instance;
        if (of == null || life.fenced.get()) {
            throw new ModuleError(name + " is being stopped and publishes nothing more");
        }
        return life.services.publish(
                of.bundleContext(),
                new Services.Owner(device.id(), driverName, name, life.generation),
                type,
                service,
                properties);
    }

    AgentHandle agent(String role, Agent agent, Idle idle) {
        return life.agents.add(role, agent, idle);
    }

    // --- to the end ------------------------------------------------------------------------------

    /// Why it would end now without a fault of its own.
    Cause going(Duration stopLimit) {
        // The registry may tell of a driver's end before it tells of the device's that caused it.
        return device.device().isPresent() ? Cause.stop(stopLimit) : Cause.gone(stopLimit);
    }

    /// Ends this run and waits for that.
    void stop(Cause why, Duration within) {
        requestEnd(why);
        if (life.worker.isCurrentThread() || life.agents.isCurrentThread()) {
            return; // it waits for itself otherwise
        }
        try {
            if (!life.end.await(within.toMillis(), TimeUnit.MILLISECONDS)) {
                String where = life.worker.where();
                fence("it did not stop within " + seconds(within) + ", it is in " + where);
                long rest = Life.RELEASE_LIMIT.toMillis() + 2_000;
                life.end.await(rest, TimeUnit.MILLISECONDS);
            }
            if (!life.fenced.get()) {
                life.worker.awaitExit(Life.EVENT_LIMIT); // has nothing to do any more
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// Ends this run without waiting.
    void requestEnd(Cause why) {
        if (life.cause.compareAndSet(null, why)) {
            life.worker.post(tearDown::run);
        }
    }

    /// The module's own report that it cannot go on.
    void fail(String why, Throwable failure) {
        if (life.cause.get() == null && !life.fenced.get()) {
            // First, because a log line takes memory, of which there may be none.
            requestEnd(Cause.failure(why));
            LOG.warn("{}: {}", name, why, failure);
        }
    }

    /// Asks the module for its state and, if it gives one, ends this run without touching the
    /// device: lease, services and instance stay until [#retire]. If it gives none, or one that is
    /// not what was agreed, this run ends as usual.
    CompletableFuture<Legacy> surrender(ModuleState.Schema agreed, Duration stopLimit) {
        return handOver.surrender(agreed, stopLimit);
    }

    /// Withdraws what a run that was handed over has published, and disposes of its instance.
    void retire() {
        handOver.retire();
    }

    /// How it ended; to be asked when it has.
    Ending ending() {
        Cause why = life.cause.get();
        if (why != null && why.failure() == null) {
            return Ending.ASKED;
        }
        return life.refused ? Ending.REFUSED : Ending.CRASHED;
    }

    /// Whether its end is under way.
    boolean isEnding() {
        return life.cause.get() != null || life.fenced.get();
    }

    /// Whether nothing more will become of it.
    boolean isOver() {
        return life.handedOver
                || life.state == State.STOPPED
                || life.state == State.FAILED
                || life.state == State.ZOMBIE;
    }

    // --- what hangs ------------------------------------------------------------------------------

    /// Looks whether something hangs. Called by the supervisor, some times a second.
    void check(long nanoTime) {
        fencing.check(nanoTime);
    }

    /// Gives the module up because code of it hangs on a thread of the HAL's.
    ///
    /// @param handler that thread, if it is known
    void hang(String why, @Nullable Thread handler) {
        fencing.hang(why, handler);
    }

    /// Gives up on the worker: takes everything from the module, on a thread of its own.
    void fence(String why) {
        fencing.fence(why);
    }

    /// The threads of an ended run that are still in the driver's code.
    List<Thread> zombies() {
        return fencing.zombies();
    }

    // --- what its threads report -----------------------------------------------------------------

    void agentFailed(AgentThread agent, Throwable failure) {
        fail("agent " + agent.name() + ": " + Reason.of(failure), failure);
    }

    void noteReturn() {
        fencing.noteReturn();
    }

    void workerLeft() {
        fencing.workerLeft();
    }

    static String seconds(Duration duration) {
        return duration.toMillis() % 1000 == 0
                ? duration.toSeconds() + " s"
                : duration.toMillis() + " ms";
    }
}
