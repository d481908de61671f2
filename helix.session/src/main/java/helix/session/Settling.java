package helix.session;

import helix.hal.api.Deadline;
import helix.hal.api.machine.Machine;
import helix.modules.api.binder.Binder;
import java.util.List;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Filter;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.util.tracker.ServiceTracker;

/// Waits until the platform is worth talking to: the machine is there, and each device that a
/// driver matches is running or has failed.
///
/// A machine's devices are published by whoever listens for the machine, within the call that
/// registers it. A second thread that sees the machine may see it before its devices. So a machine
/// sets the service property [Machine#ANNOUNCED] when that call has returned. On a busy host that
/// may be seconds later.
final class Settling implements AutoCloseable {
    private static final String ANNOUNCED =
            "(&(objectClass=%s)(%s=true))".formatted(Machine.class.getName(), Machine.ANNOUNCED);

    private final String wanted;
    private final ServiceTracker<Machine, Machine> machines;
    private final ServiceTracker<Machine, Machine> announced;
    private final ServiceTracker<Binder, Binder> binders;

    Settling(BundleContext context) {
        String machine = context.getProperty("helix.machine");
        wanted = machine == null ? "none" : machine;
        machines = new ServiceTracker<>(context, Machine.class, null);
        binders = new ServiceTracker<>(context, Binder.class, null);
        announced = new ServiceTracker<>(context, filter(ANNOUNCED), null);
        machines.open();
        announced.open();
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
        if (announced.waitForService(Math.max(1, deadline.remainingMillis())) == null) {
            return List.of(
                    "machine %s has not shown its devices within %s"
                            .formatted(machine.name(), seconds(deadline)));
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

    private static Filter filter(String constant) {
        try {
            return FrameworkUtil.createFilter(constant);
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String seconds(Deadline deadline) {
        return deadline.limit().toSeconds() + " s";
    }

    @Override
    public void close() {
        machines.close();
        announced.close();
        binders.close();
    }
}
