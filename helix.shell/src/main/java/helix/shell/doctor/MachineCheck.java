package helix.shell.doctor;

import helix.hal.api.machine.Machine;
import java.util.List;
import java.util.function.Supplier;

/// The machines of this instance.
///
/// @param machines those there are
record MachineCheck(Supplier<List<Machine>> machines) implements Check {
    @Override
    public String name() {
        return "machine";
    }

    @Override
    public Result run() {
        List<Machine> present = machines.get();
        if (present.isEmpty()) {
            return Result.fail("no machine is available", "run ./helix setup");
        }
        for (Machine machine : present) {
            Machine.Status status = machine.status();
            String finding = machine.name() + " is " + status.state() + ": " + status.detail();
            if (status.state() == Machine.State.FAILED) {
                return Result.fail(finding, "see the log, then restart the instance");
            }
            if (status.state() == Machine.State.STALLED) {
                return Result.fail(
                        finding, "end what holds it up (machine:fault), or restart the instance");
            }
        }
        for (Machine machine : present) {
            String detail = machine.status().detail();
            if (!detail.isEmpty()) {
                return Result.warn(
                        machine.name() + " is READY: " + detail, "see the log for which driver");
            }
        }
        return Result.ok(
                String.join(", ", present.stream().map(Machine::name).toList()) + " ready");
    }
}
