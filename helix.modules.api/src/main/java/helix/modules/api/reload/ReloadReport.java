package helix.modules.api.reload;

import java.time.Instant;
import java.util.List;

/// What a reload came to.
///
/// @param id counted from 1 in an instance's life
/// @param begun when it was asked for
/// @param driver the driver
/// @param cause why it was done: `update`, `reload`, `rollback`, `deploy`, or what crashed within
///   the probation time
/// @param from the revision before
/// @param to the revision that was to be put in service
/// @param outcome what became of it
/// @param step the step that failed: `prepare`, `fence`, `hand over`, `verify`, `probation`; empty
///   if none did
/// @param reason what failed in that step, in one line, else empty
/// @param devices the devices, by id
/// @param otherBundlesTouched how many bundles beside the driver's were stopped, refreshed or
///   changed meanwhile
/// @param prepareMs time from the request to the first fence
/// @param totalMs time from the request to the end
public record ReloadReport(
        long id,
        Instant begun,
        String driver,
        String cause,
        String from,
        String to,
        Outcome outcome,
        String step,
        String reason,
        List<DeviceReport> devices,
        int otherBundlesTouched,
        double prepareMs,
        double totalMs) {
    /// What can become of a reload.
    public enum Outcome {
        /// The new revision serves.
        COMMITTED,
        /// The jar was refused before anything was stopped; the old revision serves on.
        REFUSED,
        /// The new revision failed; a new generation of the old one serves.
        ROLLED_BACK,
        /// Neither serves.
        FAILED
    }

    /// What happened to one device.
    ///
    /// @param device its id
    /// @param module its module's name
    /// @param generation the epoch that serves now
    /// @param warm whether it was handed over without a reset
    /// @param why why not, empty if it was
    /// @param pauseMs how long its clients' requests were held back
    /// @param fenceMs the part of that until the old generation was out
    /// @param handOverMs the part of that until the new generation had started
    /// @param verifyMs the part of that for the self-test
    /// @param parked requests that came meanwhile and waited
    /// @param adopted requests in flight that the new generation took over
    /// @param replayed requests in flight that were submitted again after a reset
    /// @param failed requests that ended with an error
    /// @param recoveryMs time from the end of the pause until 90 % of the former rate was reached;
    ///   0 if there was no load, negative if it was not reached within 10 seconds or is not known
    ///   yet
    public record DeviceReport(
            String device,
            String module,
            long generation,
            boolean warm,
            String why,
            double pauseMs,
            double fenceMs,
            double handOverMs,
            double verifyMs,
            long parked,
            long adopted,
            long replayed,
            long failed,
            double recoveryMs) {}
}
