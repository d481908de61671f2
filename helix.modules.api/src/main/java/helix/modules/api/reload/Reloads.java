package helix.modules.api.reload;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/// The reload engine: replaces a driver under those who use its devices. All methods may be called
/// by any thread and wait until it is done; two reloads of one driver follow each other, those of
/// different drivers do not wait for each other.
///
/// Errors: `IllegalArgumentException` for a driver nobody knows or a jar that cannot be read,
/// naming it. Everything later is in the report: a new revision that is refused or fails is no
/// exception.
@ProviderType
public interface Reloads {
    /// What an update would touch; changes nothing.
    ///
    /// @param driver the driver's name: `nvme`
    /// @param jar the new revision's bundle
    /// @param options as for [#update]
    /// @return the plan
    Plan plan(String driver, Path jar, Options options);

    /// Replaces a driver's revision by another.
    ///
    /// @param driver the driver's name: `nvme`
    /// @param jar the new revision's bundle; it is copied
    /// @param options how
    /// @return what happened
    ReloadReport update(String driver, Path jar, Options options);

    /// Replaces all of a driver's modules by new ones of the same revision, freshly loaded.
    ///
    /// @param driver the driver's name
    /// @param options how
    /// @return what happened
    ReloadReport reload(String driver, Options options);

    /// Goes back to the revision that was committed before the present one.
    ///
    /// @param driver the driver's name
    /// @param options how
    /// @return what happened
    /// @throws helix.modules.api.ModuleError if there is none
    ReloadReport rollback(String driver, Options options);

    /// What has happened, the oldest first; the last hundred.
    ///
    /// @return a snapshot
    List<ReloadReport> reports();

    /// How to replace.
    ///
    /// @param cold whether devices are reset even where they could be handed over
    /// @param drain whether what is in flight is waited for, instead of adopted or replayed
    /// @param timeout how long each device may be without service before the old revision is
    ///   brought back
    record Options(boolean cold, boolean drain, Duration timeout) {
        /// Warm where possible, nothing drained, 10 seconds.
        public static final Options STANDARD = new Options(false, false, Duration.ofSeconds(10));
    }

    /// What an update would touch.
    ///
    /// @param driver the driver
    /// @param from the revision in service
    /// @param to the revision of the jar
    /// @param devices the devices that would be handed over
    /// @param bundles the bundles that would be touched: symbolic names and versions, the old
    ///   revision's and the new one's
    /// @param refusal why the jar would be refused, empty if it would not
    record Plan(
            String driver,
            String from,
            String to,
            List<PlannedDevice> devices,
            List<String> bundles,
            String refusal) {}

    /// A device in a [Plan].
    ///
    /// @param device its id
    /// @param module its module's name
    /// @param warm whether it would be handed over without a reset
    /// @param why why not, empty if it would
    /// @param consumers who uses it: `nvme0n1 open by blk:write`
    record PlannedDevice(
            String device, String module, boolean warm, String why, List<String> consumers) {}
}
