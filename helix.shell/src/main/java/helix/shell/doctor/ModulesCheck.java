package helix.shell.doctor;

import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.modules.api.binder.Binder.State;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// The modules of this instance.
///
/// @param binder who has them
record ModulesCheck(Supplier<Optional<Binder>> binder) implements Check {
    @Override
    public String name() {
        return "modules";
    }

    @Override
    public Result run() {
        Binder b = binder.get().orElse(null);
        if (b == null) {
            return Result.fail("there is no binder", "start bundle helix.modules");
        }
        List<String> bad = new ArrayList<>();
        boolean zombie = false;
        long running = 0;
        for (ModuleStatus m : b.modules()) {
            if (m.state() == State.FAILED || m.state() == State.ZOMBIE) {
                bad.add(m.name() + " (" + m.deviceId() + ") is " + m.state() + ": " + m.reason());
                zombie |= m.state() == State.ZOMBIE;
            }
            running += m.state() == State.RUNNING ? 1 : 0;
        }
        if (!bad.isEmpty()) {
            return Result.fail(
                    String.join("; ", bad),
                    zombie
                            ? "restart the instance; stuck code cannot be stopped"
                            : "see helix:why <device> and the log, then helix:rebind <device>");
        }
        return b.drivers().isEmpty()
                ? Result.warn("no driver is present", "put a driver's jar into deploy/")
                : Result.ok(running + " running, " + b.drivers().size() + " drivers");
    }
}
