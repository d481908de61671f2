package helix.shell.tree;

import helix.modules.api.binder.Binder.State;
import helix.shell.Binding;
import helix.shell.CommandFailed;
import helix.shell.Platform;
import org.jspecify.annotations.Nullable;

/// How a device stands after a command changed its driver.
///
/// @param device its id
/// @param driver the driver bound to it, null if none is
/// @param module its module's name, null without one
/// @param state its module's state, null without one
/// @param generation the lease's epoch, null without one
record Outcome(
        String device,
        @Nullable String driver,
        @Nullable String module,
        @Nullable String state,
        @Nullable Long generation) {
    static Outcome of(Platform platform, String id) {
        Binding b = Binding.of(id, platform.modules());
        if (State.FAILED.name().equals(b.state()) || State.ZOMBIE.name().equals(b.state())) {
            throw new CommandFailed(
                    "%s: driver %s is %s: %s".formatted(id, b.driver(), b.state(), b.reason()));
        }
        return new Outcome(id, b.driver(), b.module(), b.state(), b.generation());
    }

    String text() {
        return driver == null
                ? device + " is unbound"
                : "%s is bound to %s (%s, %s, generation %d)"
                        .formatted(device, driver, module, state, generation);
    }
}
