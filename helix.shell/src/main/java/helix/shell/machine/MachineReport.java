package helix.shell.machine;

import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.MachineControl.Choice;
import helix.shell.CommandFailed;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// A command for a machine that can be changed by hand.
abstract class MachineReport extends Report {
    static final Table<Choice> CHOICES =
            new Table<Choice>()
                    .column("NAME", Choice::name)
                    .column("DESCRIPTION", Choice::description);

    private final Platform platform;

    @Option(
            names = {"-m", "--machine"},
            paramLabel = "<machine>",
            description = "Which machine, if there are several.")
    private @Nullable String machine;

    MachineReport(Platform platform) {
        this.platform = platform;
    }

    final MachineControl control() {
        platform.requireMachine();
        List<MachineControl> controls = platform.controls();
        if (machine == null) {
            // What other processes serve is attached, not plugged, unless it is named.
            controls = controls.stream().filter(c -> !c.machine().equals(Attach.MACHINE)).toList();
        }
        if (machine != null) {
            platform.machine(machine);
            return controls.stream()
                    .filter(c -> c.machine().equals(machine))
                    .findFirst()
                    .orElseThrow(() -> cannot("machine '" + machine + "' cannot"));
        }
        if (controls.isEmpty()) {
            throw cannot("no machine here can");
        }
        if (controls.size() > 1) {
            throw new CommandFailed(
                    "several machines can be changed by hand, name one with --machine: "
                            + String.join(
                                    ", ", controls.stream().map(MachineControl::machine).toList()));
        }
        return controls.getFirst();
    }

    private static CommandFailed cannot(String who) {
        return new CommandFailed(who + " be changed by hand");
    }

    /// Reads `key=value` words.
    static Map<String, String> options(List<String> words) {
        Map<String, String> options = new LinkedHashMap<>();
        for (String word : words) {
            int equals = word.indexOf('=');
            if (equals <= 0) {
                throw new CommandFailed("'" + word + "' is no option (expected key=value)");
            }
            String key = word.substring(0, equals);
            if (options.put(key, word.substring(equals + 1)) != null) {
                throw new CommandFailed("option '" + key + "' is given twice");
            }
        }
        return options;
    }
}
