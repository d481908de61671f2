package helix.shell.tree;

import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.DriverStatus;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// Lists drivers.
@Command(description = "Lists drivers and the devices they are bound to.")
public final class Drivers extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("NAME", Row::name)
                    .column("VERSION", Row::version)
                    .column("DEVICES", Row::devices)
                    .column("DESCRIPTION", Row::description);

    private static final Table<Module> MODULES =
            new Table<Module>()
                    .column("MODULE", Module::name)
                    .column("DEVICE", Module::device)
                    .column("STATE", Module::state)
                    .number("GENERATION", Module::generation)
                    .column("SERVICES", m -> String.join(", ", m.services()))
                    .column("REASON", Module::reason);

    private final Platform platform;

    @Option(names = "-v", description = "Show bundle, filters and modules.")
    private boolean verbose;

    /// A driver.
    ///
    /// @param name its short name
    /// @param description what it drives
    /// @param version its bundle's version
    /// @param bundle its bundle's symbolic name
    /// @param bundleId its bundle's id
    /// @param match its filters
    /// @param devices what it is bound to
    /// @param modules its modules
    record Row(
            String name,
            String description,
            String version,
            String bundle,
            long bundleId,
            List<String> match,
            List<String> devices,
            List<Module> modules) {}

    /// A module.
    ///
    /// @param name its name
    /// @param device its device
    /// @param state where it is in its life
    /// @param generation the lease's epoch
    /// @param version its driver's version
    /// @param reason why it failed, or what it says of its health
    /// @param services what it has published
    record Module(
            String name,
            String device,
            String state,
            long generation,
            String version,
            String reason,
            List<String> services) {
        static Module of(ModuleStatus m) {
            return new Module(
                    m.name(),
                    m.deviceId(),
                    m.state().name(),
                    m.generation(),
                    m.version(),
                    m.reason(),
                    m.services());
        }
    }

    /// Makes the command.
    ///
    /// @param platform where to look
    public Drivers(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        Binder binder = platform.requireBinder();
        List<ModuleStatus> modules = binder.modules();
        List<Row> rows = binder.drivers().stream().map(d -> row(d, modules)).toList();
        if (out.json(rows)) {
            return;
        }
        if (!verbose) {
            TABLE.print(out, rows);
            return;
        }
        for (Row row : rows) {
            out.line(row.name() + " " + row.version() + ": " + row.description());
            out.line("  Bundle: " + row.bundle() + " [" + row.bundleId() + "]");
            out.line("  Match: " + String.join(" ", row.match()));
            if (!row.modules().isEmpty()) {
                MODULES.print(out, row.modules());
            }
        }
    }

    private static Row row(DriverStatus d, List<ModuleStatus> modules) {
        return new Row(
                d.name(),
                d.description(),
                d.version(),
                d.bundle(),
                d.bundleId(),
                d.match(),
                d.devices(),
                modules.stream().filter(m -> m.driver().equals(d.name())).map(Module::of).toList());
    }
}
