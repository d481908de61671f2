package helix.modules.api.reload;

import helix.hal.api.Deadline;
import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/// A subsystem that stands between consumers and the class services of drivers, and keeps its
/// consumers from noticing that a driver is replaced. Registered as a service; the reload engine
/// finds it there.
@ConsumerType
public interface ReloadParticipant {
    /// Who uses what a device's module has published: `nvme0n1 open by blk:write`.
    ///
    /// @param deviceId the device
    /// @return one line for each, empty if nobody does
    List<String> consumers(String deviceId);

    /// How many requests to a device have ended since the instance started, to measure its rate.
    /// Cheap.
    ///
    /// @param deviceId the device
    /// @return a count that never goes back
    long completions(String deviceId);

    /// Begins the passage of a device from one generation to the next; nothing is held back yet.
    /// Reads what must read the same afterwards. There is one passage of a device at a time.
    ///
    /// @param deviceId the device
    /// @return the passage, to be closed by the caller; it does nothing where the device is not
    ///   this subsystem's
    Passage begin(String deviceId);

    /// One device's passage. Called by one thread at a time, in the order of the methods here.
    /// While clients are parked the new generation publishes its class services; the subsystem then
    /// takes over queues with what is in flight, or, where the queue is over, keeps what was in
    /// flight to submit it again.
    @ConsumerType
    interface Passage extends AutoCloseable {
        /// Holds back new requests, and waits until no client is inside the driver's code.
        ///
        /// @param deadline until when
        /// @return whether all are out; if not, some stay where they are and the rest waits
        boolean park(Deadline deadline);

        /// Waits until nothing is in flight; clients stay parked.
        ///
        /// @param deadline until when
        /// @return whether nothing is
        boolean drain(Deadline deadline);

        /// Tests the new generation while clients are still parked: what was read in the beginning
        /// must read the same, unless it was written since.
        ///
        /// @param deadline until when
        /// @throws helix.modules.api.ModuleError if the new generation fails, saying how
        void verify(Deadline deadline);

        /// Lets clients go on: what was in flight at a generation that was reset is submitted
        /// again, then what waited. Also where there is no generation to go on with: clients then
        /// wait for one as long as they are prepared to.
        ///
        /// @return what was done to requests
        Counts resume();

        /// Resumes if that was not done, and forgets the passage.
        @Override
        void close();
    }

    /// What was done to requests in a passage.
    ///
    /// @param parked came meanwhile and waited
    /// @param adopted in flight, taken over by the new generation
    /// @param replayed in flight, submitted again
    /// @param failed ended with an error
    record Counts(long parked, long adopted, long replayed, long failed) {
        /// None of any kind.
        public static final Counts NONE = new Counts(0, 0, 0, 0);

        /// The sum of two.
        ///
        /// @param other the other
        /// @return both together
        public Counts plus(Counts other) {
            return new Counts(
                    parked + other.parked,
                    adopted + other.adopted,
                    replayed + other.replayed,
                    failed + other.failed);
        }
    }
}
