package helix.shell.tree;

import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleHealth;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

/// Lists what self-heal has counted and is about to do.
@Command(
        description = {
            "Lists modules with their failures of the last minute, restarts, threads that hang in",
            "former generations, and what comes next."
        })
public final class Health extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("MODULE", Row::module)
                    .column("DEVICE", Row::device)
                    .column("STATE", Row::state)
                    .number("FAILURES", Row::failures)
                    .number("RESTARTS", Row::restarts)
                    .number("ZOMBIES", Row::zombies)
                    .column("NEXT", Row::next)
                    .column("REASON", Row::reason);

    private final Platform platform;

    /// A module.
    ///
    /// @param module its name
    /// @param device its device
    /// @param state where it is in its life
    /// @param failures those of the last minute, since a person had a say
    /// @param restarts how often it was restarted after a failure
    /// @param zombies threads that are still in the code of its former generations
    /// @param nextRestartMs when it is restarted, null if it is not
    /// @param quarantined whether it has failed too often to be restarted
    /// @param reason why it failed, or what it says of its health
    record Row(
            String module,
            String device,
            String state,
            int failures,
            long restarts,
            int zombies,
            @Nullable Long nextRestartMs,
            boolean quarantined,
            String reason) {
        static Row of(ModuleHealth health, @Nullable ModuleStatus status) {
            return new Row(
                    health.module(),
                    health.deviceId(),
                    status == null ? "" : status.state().name(),
                    health.failures(),
                    health.restarts(),
                    health.zombies(),
                    health.nextRestartMs() < 0 ? null : health.nextRestartMs(),
                    health.quarantined(),
                    status == null ? "" : status.reason());
        }

        String next() {
            if (quarantined) {
                return "quarantined";
            }
            return nextRestartMs == null ? "" : "restart in " + nextRestartMs + " ms";
        }
    }

    /// Makes the command.
    ///
    /// @param platform where to look
    public Health(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        Binder binder = platform.requireBinder();
        Map<String, ModuleStatus> modules =
                binder.modules().stream()
                        .collect(
                                Collectors.toMap(
                                        ModuleStatus::deviceId, Function.identity(), (a, _) -> a));
        List<Row> rows =
                binder.health().stream().map(h -> Row.of(h, modules.get(h.deviceId()))).toList();
        if (!out.json(rows)) {
            TABLE.print(out, rows);
        }
    }
}
