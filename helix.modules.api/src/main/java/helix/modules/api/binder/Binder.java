package helix.modules.api.binder;

import helix.hal.api.Deadline;
import helix.modules.api.Request;
import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;

/// Matches drivers with devices and takes their modules through life. All methods may be called by
/// any thread; those that change something wait until it is done or has failed.
///
/// Errors: `IllegalArgumentException` for a device or driver nobody knows, naming what was asked
/// for; [helix.modules.api.ModuleError] where a module refuses or fails.
@ProviderType
public interface Binder {
    /// The drivers present.
    ///
    /// @return a snapshot, by name
    List<DriverStatus> drivers();

    /// The modules: one for each device that a driver was bound to, also failed and stopped ones.
    ///
    /// @return a snapshot, by device id
    List<ModuleStatus> modules();

    /// The module of a device.
    ///
    /// @param deviceId such as `0000:00:04.0`, or the module's name, `nvme0`
    /// @return the module
    default Optional<ModuleStatus> module(String deviceId) {
        return modules().stream()
                .filter(m -> m.deviceId().equals(deviceId) || m.name().equals(deviceId))
                .findFirst();
    }

    /// What self-heal has counted and is about to do.
    ///
    /// @return a snapshot, one for each of [#modules()]
    default List<ModuleHealth> health() {
        return List.of();
    }

    /// Why a device is bound or not: each rule with what it wanted and what it found.
    ///
    /// @param deviceId such as `0000:00:04.0`
    /// @return the rules in the order they were asked
    List<Rule> why(String deviceId);

    /// Binds a device to a driver, whatever the scores say, from now on and after a restart.
    ///
    /// @param deviceId the device
    /// @param driver the driver's name
    void bind(String deviceId, String driver);

    /// Stops the device's module and keeps it unbound, also after a restart.
    ///
    /// @param deviceId the device
    void unbind(String deviceId);

    /// Forgets what [#bind] and [#unbind] said, stops the device's module if there is one, and
    /// starts a new generation of the best driver.
    ///
    /// @param deviceId the device
    void rebind(String deviceId);

    /// Passes a request to a module.
    ///
    /// @param deviceId the device, or the module's name
    /// @param request what is asked
    /// @return the module's answer
    Object request(String deviceId, Request request);

    /// Waits until each device that a driver matches is RUNNING or FAILED for good: one that waits
    /// for its restart is neither.
    ///
    /// @param deadline until when
    /// @return ids of the devices that are neither yet, empty when settled
    List<String> awaitSettled(Deadline deadline);

    /// States of a module.
    enum State {
        /// Matched, nothing done yet.
        DISCOVERED,
        /// `init` has returned.
        INITIALIZED,
        /// In service.
        RUNNING,
        /// No new work is begun.
        QUIESCED,
        /// At its end, device released.
        STOPPED,
        /// Failed; the reason says why. The device has been reset.
        FAILED,
        /// Its code cannot be made to stop: fenced, counted, never called again.
        ZOMBIE
    }

    /// A driver.
    ///
    /// @param name its short name
    /// @param description what it drives
    /// @param version its bundle's version
    /// @param bundle its bundle's symbolic name
    /// @param bundleId its bundle's id
    /// @param match its filters
    /// @param devices ids of the devices it is bound to
    record DriverStatus(
            String name,
            String description,
            String version,
            String bundle,
            long bundleId,
            List<String> match,
            List<String> devices) {}

    /// A module.
    ///
    /// @param name its name: `nvme0`
    /// @param deviceId its device
    /// @param driver its driver's name
    /// @param version its driver's version
    /// @param generation the lease's epoch, 0 before the first
    /// @param state where it is in its life
    /// @param reason why it is FAILED or a ZOMBIE, else what it says about its health
    /// @param services the class services it has published: `BlockDevice nvme0n1`
    record ModuleStatus(
            String name,
            String deviceId,
            String driver,
            String version,
            long generation,
            State state,
            String reason,
            List<String> services) {}

    /// What self-heal knows of a module.
    ///
    /// @param module its name: `nvme0`
    /// @param deviceId its device
    /// @param failures those that count: of the last 60 seconds, since a person had a say
    /// @param restarts how often it was restarted after a failure
    /// @param zombies threads that are still in the code of its former generations
    /// @param nextRestartMs in how many milliseconds it is restarted, -1 if it is not
    /// @param quarantined whether it has failed too often to be restarted
    record ModuleHealth(
            String module,
            String deviceId,
            int failures,
            long restarts,
            int zombies,
            long nextRestartMs,
            boolean quarantined) {}

    /// A rule that was asked.
    ///
    /// @param rule what was asked: `driver nvme: (pci.class=010802)`
    /// @param wanted what would have satisfied it
    /// @param found what there was
    /// @param holds whether it is satisfied
    record Rule(String rule, String wanted, String found, boolean holds) {}
}
