package helix.shell.machine;

import helix.hal.api.machine.MachineControl;
import helix.shell.Output;
import helix.shell.Platform;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Unplugs hardware from a machine, or tells what can be unplugged.
@Command(description = "Unplugs hardware; without arguments lists what can be unplugged.")
public final class Unplug extends MachineReport {
    @Parameters(
            arity = "0..1",
            paramLabel = "<plugged>",
            description = "What machine:plug gave, or the id in the profile.")
    private @Nullable String id;

    /// What was unplugged.
    ///
    /// @param machine from which machine
    /// @param id what
    record Unplugged(String machine, String id) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Unplug(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) {
        MachineControl control = control();
        List<String> plugged = control.plugged();
        if (id == null) {
            if (!out.json(plugged)) {
                plugged.forEach(out::line);
            }
            return;
        }
        if (!plugged.contains(id)) {
            throw Platform.unknown("plugged hardware", id, plugged);
        }
        control.unplug(id);
        Unplugged unplugged = new Unplugged(control.machine(), id);
        if (!out.json(unplugged)) {
            out.line(unplugged.id() + " is unplugged from " + unplugged.machine());
        }
    }
}
