package helix.modules.api;

import helix.hal.api.Deadline;
import java.time.Duration;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/// ModuleTrait version 2: one instance drives one device for one generation.
///
/// Life: constructed → [#init] → optionally [#restoreState] → [#start] → … → optionally [#quiesce]
/// → [#stop]. Each is called once, by a thread of the platform, one at a time; [#handleEvent],
/// [#handleRequest] and [#health] come between `start` and `stop`, one at a time too. A method that
/// throws makes the module FAILED with the message as its reason; the platform then resets the
/// device and takes everything back, so nothing has to be cleaned up first.
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
    /// @param context the platform's side of this generation, good until `stop` has returned
    /// @throws Exception if the device cannot be driven; the message says why
    void init(ModuleContext context) throws Exception;

    /// Takes over what an earlier generation saved, between `init` and `start`. Only called on
    /// modules that accept the state's schema.
    ///
    /// @param state what [#saveState] of the earlier generation gave
    /// @throws Exception if the state cannot be adopted; the hand-over is then cold
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
