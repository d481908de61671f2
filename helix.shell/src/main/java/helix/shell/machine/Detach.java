package helix.shell.machine;

import helix.hal.api.machine.MachineControl;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Detaches a device of another process, or tells which are attached.
@Command(
        description =
                "Detaches a device of another process; without arguments lists what is"
                        + " attached.")
public final class Detach extends Report {
    private final Platform platform;

    @Parameters(
            arity = "0..1",
            paramLabel = "<attached>",
            description = "What helix:attach gave, or its address.")
    private @Nullable String attached;

    /// What was detached.
    ///
    /// @param id its name
    record Detached(String id) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Detach(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        MachineControl control = Attach.control(platform);
        String name = attached;
        if (name == null) {
            List<String> ids = control.plugged();
            if (!out.json(ids)) {
                ids.forEach(out::line);
            }
            return;
        }
        if (name.startsWith(Attach.SCHEME)) {
            name = Path.of(name.substring(Attach.SCHEME.length())).toAbsolutePath().toString();
        }
        control.unplug(name);
        if (!out.json(new Detached(name))) {
            out.line(name + " is detached");
        }
    }
}
