package helix.shell.machine;

import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.MachineControl.Choice;
import helix.shell.Output;
import helix.shell.Platform;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Plugs hardware into a machine, or tells what can be plugged.
@Command(description = "Plugs hardware in; without arguments lists what can be plugged.")
public final class Plug extends MachineReport {
    @Parameters(index = "0", arity = "0..1", paramLabel = "<kind>", description = "Such as nvme.")
    private @Nullable String kind;

    @Parameters(
            index = "1..*",
            paramLabel = "<key=value>",
            description = "Settings of that kind, such as file=F size=64M serial=S.")
    private List<String> words = List.of();

    /// What was plugged.
    ///
    /// @param machine into which machine
    /// @param kind what
    /// @param id the id under which it can be unplugged
    record Plugged(String machine, String kind, String id) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Plug(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) {
        MachineControl control = control();
        List<Choice> kinds = control.pluggable();
        if (kind == null) {
            if (!out.json(kinds)) {
                CHOICES.print(out, kinds);
            }
            return;
        }
        if (kinds.stream().noneMatch(c -> c.name().equals(kind))) {
            throw Platform.unknown(
                    "kind of hardware", kind, kinds.stream().map(Choice::name).toList());
        }
        Map<String, String> options = options(words);
        Plugged plugged = new Plugged(control.machine(), kind, control.plug(kind, options));
        if (!out.json(plugged)) {
            out.line(plugged.id() + " is plugged into " + plugged.machine());
        }
    }
}
