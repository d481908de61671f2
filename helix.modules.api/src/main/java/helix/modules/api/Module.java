package helix.modules.api;

import helix.hal.api.Deadline;
import java.time.Duration;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/// ModuleTrait version 2: one instance drives one device for one generation.
///
/// Life: constructed → [#init] → optionally [#restoreState] → [#start] → … → optionally [#quiesce]
/// → [#stop], or in its place [#saveState], after which it is over. Each is called once, by a
/// thread of the platform, one at a time; [#handleEvent], [#handleRequest] and [#health] come
/// between `start` and `stop`, one at a time too. A method that throws makes the module FAILED with
/// the message as its reason; the platform then resets the device and takes everything back, so
/// nothing has to be cleaned up first.
///
/// An instance may also be made only to [rehearse][#rehearse]; nothing else is called on it then.
///
/// A module starts no thread, keeps nothing in static variables, and leaves no object behind with
/// others.
@ConsumerType
public interface Module {
    /// Who this module is. By default from its [DriverModule] annotation and the bundle's version.
    ///
    /// @param context what the platform knows
    /// @return name, version and flags
    default ModuleInfo info(ModuleContext context) {
        return context.describe();
    }

    /// Takes what it needs of the device and makes it known and quiet: maps registers, resets,
    /// identifies. Nothing is published yet.
    ///
    /// When the module [takes over][ModuleContext#takesOver()], the device is at work and must be
    /// left as it is, by this method and by [#restoreState]: what is known of it is in the state.
    ///
    /// @param context the platform's side of this generation, good until `stop` has returned
    /// @throws Exception if the device cannot be driven; the message says why
    void init(ModuleContext context) throws Exception;

    /// What state this module saves and takes over. Asked of any instance, also one that only
    /// rehearses, before anything is stopped.
    ///
    /// @return name and versions, empty if it is always handed over cold
    default Optional<ModuleState.Schema> stateSchema() {
        return Optional.empty();
    }

    /// Brings a state that an older revision saved into the form that this one takes over. Called
    /// before [#restoreState] when the state's version is not this module's own.
    ///
    /// @param older an intact state of a version that [#stateSchema] says it can read
    /// @return the same in this module's own version
    /// @throws Exception if it cannot be done; the hand-over is then cold
    default ModuleState migrate(ModuleState older) throws Exception {
        throw new ModuleError(
                "no migration from %s version %d".formatted(older.schema(), older.version()));
    }

    /// Runs the code of taking over, submitting and polling on scratch memory, many times, so that
    /// it is compiled before it is needed: a freshly loaded class is slow at first. Called before
    /// anything is stopped, while the generation before serves. Must not touch the device.
    ///
    /// @param scratch memory and registers that no device sees
    /// @throws Exception if it fails; the new revision is then refused
    default void rehearse(Rehearsal scratch) throws Exception {}

    /// Takes over what an earlier generation saved, between `init` and `start`. Only called on
    /// modules that accept the state's schema. The device is at work and must not be touched yet.
    ///
    /// @param state what [#saveState] of the earlier generation gave
    /// @throws Exception if the state cannot be adopted; this revision has then failed, and a new
    ///   generation of the one before takes the same state over
    default void restoreState(ModuleState state) throws Exception {
        throw new ModuleError("this module adopts no state");
    }

    /// Starts service: registers agents, enables interrupts, publishes class services.
    ///
    /// @throws Exception if it cannot
    void start() throws Exception;

    /// Stops beginning new work and lets what runs come to its end.
    ///
    /// @param deadline until when
    /// @return whether nothing is in flight any more
    default boolean quiesce(Deadline deadline) {
        return true;
    }

    /// Ends service in the reverse order of `start` and `init`, and leaves the device quiet. What
    /// was published is withdrawn and agents are out already. Requests in flight have ended when it
    /// returns.
    ///
    /// @throws Exception if the device did not obey; it is reset all the same
    void stop() throws Exception;

    /// Takes note of an event.
    ///
    /// @param event what happened
    default void handleEvent(Event event) {}

    /// Answers a request that is peculiar to this kind of driver, such as reading a log page.
    ///
    /// @param request what is asked
    /// @return the answer, a document of maps, lists, strings, numbers and byte arrays
    /// @throws ModuleError if the request is not understood or fails
    default Object handleRequest(Request request) {
        throw new ModuleError("no request '" + request.name() + "' here");
    }

    /// How the module is. Asked for now and then; answers at once.
    ///
    /// @return its health
    default Health health() {
        return Health.OK;
    }

    /// What the next generation needs to take over without a reset.
    ///
    /// Called when clients are parked, and agents and interrupt handlers are out for good. A module
    /// that returns a state is over: neither `stop` nor anything else is called on it any more, its
    /// lease is passed on, and it has let go of all shared memory that it held. The device goes on.
    /// A module that returns nothing is stopped as usual.
    ///
    /// @return the state, empty if only a cold hand-over will do
    default Optional<ModuleState> saveState() {
        return Optional.empty();
    }

    /// The longest that a step may take before it counts as hung.
    ///
    /// @param step which
    /// @return the limit, 10 seconds unless the module says otherwise
    default Duration limit(Step step) {
        return Duration.ofSeconds(10);
    }

    /// A step of a module's life with a time limit.
    enum Step {
        /// [Module#init].
        INIT,
        /// [Module#start].
        START,
        /// [Module#stop].
        STOP
    }

    /// How a module says that it is.
    ///
    /// @param ok whether it serves
    /// @param detail one line for a person, empty when all is well
    record Health(boolean ok, String detail) {
        /// All is well.
        public static final Health OK = new Health(true, "");

        /// Something is wrong.
        ///
        /// @param detail what
        /// @return the health
        public static Health failed(String detail) {
            return new Health(false, detail);
        }
    }
}
