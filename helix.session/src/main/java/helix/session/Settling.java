package helix.session;

import helix.hal.api.Deadline;
import helix.hal.api.machine.Machine;
import helix.modules.api.binder.Binder;
import java.util.List;
import org.osgi.framework.BundleContext;
import org.osgi.util.tracker.ServiceTracker;

/// Waits until the platform is worth talking to: the machine is there, and each device that a
/// driver matches is running or has failed.
final class Settling implements AutoCloseable {
    private final String wanted;
    private final ServiceTracker<Machine, Machine> machines;
    private final ServiceTracker<Binder, Binder> binders;

    Settling(BundleContext context) {
        String machine = context.getProperty("helix.machine");
        wanted = machine == null ? "none" : machine;
        machines = new ServiceTracker<>(context, Machine.class, null);
        binders = new ServiceTracker<>(context, Binder.class, null);
        machines.open();
        binders.open();
    }

    /// Waits.
    ///
    /// @return what is not as it should be when the wait ends, a line each
    List<String> await(Deadline deadline) throws InterruptedException {
        if (wanted.equals("none")) {
            return List.of();
        }
        // waitForService takes 0 for ever.
        Machine machine = machines.waitForService(Math.max(1, deadline.remainingMillis()));
        if (machine == null) {
            return List.of("machine " + wanted + " did not come up within " + seconds(deadline));
        }
        if (machine.status().state() == Machine.State.FAILED) {
            return List.of("machine " + machine.name() + " failed: " + machine.status().detail());
        }
        Binder binder = binders.waitForService(Math.max(1, deadline.remainingMillis()));
        if (binder == null) {
            return List.of("there is no binder: devices stay without drivers");
        }
        List<String> unsettled = binder.awaitSettled(deadline);
        return unsettled.isEmpty()
                ? List.of()
                : List.of(
                        "not settled within "
                                + seconds(deadline)
                                + ": "
                                + String.join(", ", unsettled));
    }

    private static String seconds(Deadline deadline) {
        return deadline.limit().toSeconds() + " s";
    }

    @Override
    public void close() {
        machines.close();
        binders.close();
    }
}
