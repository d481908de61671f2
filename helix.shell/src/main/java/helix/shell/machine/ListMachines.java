package helix.shell.machine;

import helix.hal.api.machine.Machine;
import helix.hal.api.machine.Machine.Counters;
import helix.hal.api.machine.MachineControl;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.List;
import picocli.CommandLine.Command;

/// Lists machines.
@Command(description = "Lists machines, their state and the accesses counted since they started.")
public final class ListMachines extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("NAME", Row::name)
                    .column("STATE", Row::state)
                    .number("DEVICES", Row::devices)
                    .number("MMIO", r -> r.counters().mmio())
                    .number("PORT", r -> r.counters().portAccesses())
                    .number("CONFIG", r -> r.counters().configAccesses())
                    .column("PLUGGED", Row::plugged)
                    .column("DETAIL", Row::detail);

    private final Platform platform;

    /// A machine.
    ///
    /// @param name its name
    /// @param state `READY`, `STALLED` or `FAILED`
    /// @param detail what a person should know, empty when all is well
    /// @param devices how many devices it has
    /// @param plugged what can be unplugged by hand
    /// @param counters accesses since it started
    record Row(
            String name,
            String state,
            String detail,
            long devices,
            List<String> plugged,
            Counters counters) {}

    /// Makes the command.
    ///
    /// @param platform where to look
    public ListMachines(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        platform.requireMachine();
        List<Row> rows = platform.machines().stream().map(this::row).toList();
        if (!out.json(rows)) {
            TABLE.print(out, rows);
        }
    }

    private Row row(Machine machine) {
        Machine.Status status = machine.status();
        String name = machine.name();
        return new Row(
                name,
                status.state().name(),
                status.detail(),
                platform.devices().stream().filter(e -> e.device().machine().equals(name)).count(),
                platform.controls().stream()
                        .filter(c -> c.machine().equals(name))
                        .map(MachineControl::plugged)
                        .findFirst()
                        .orElse(List.of()),
                machine.counters());
    }
}
