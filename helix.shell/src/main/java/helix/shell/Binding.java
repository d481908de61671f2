package helix.shell;

import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How a device stands with the binder. A device whose module was stopped is not bound, though its
/// module is remembered.
///
/// @param driver the driver's name, null when unbound
/// @param module the module's name, null when unbound
/// @param state the module's state, null when there never was one
/// @param generation the lease's epoch, null when unbound
/// @param reason why the module failed, or what it says of its health; null if nothing
/// @param services what the module has published
public record Binding(
        @Nullable String driver,
        @Nullable String module,
        @Nullable String state,
        @Nullable Long generation,
        @Nullable String reason,
        List<String> services) {
    private static final Binding NONE = new Binding(null, null, null, null, null, List.of());

    /// Looks a device up.
    ///
    /// @param deviceId its id
    /// @param modules what the binder knows
    /// @return how it stands
    public static Binding of(String deviceId, List<ModuleStatus> modules) {
        for (ModuleStatus m : modules) {
            if (m.deviceId().equals(deviceId)) {
                String reason = m.reason().isEmpty() ? null : m.reason();
                return m.state() == State.STOPPED
                        ? new Binding(null, null, m.state().name(), null, reason, m.services())
                        : new Binding(
                                m.driver(),
                                m.name(),
                                m.state().name(),
                                m.generation(),
                                reason,
                                m.services());
            }
        }
        return NONE;
    }
}
