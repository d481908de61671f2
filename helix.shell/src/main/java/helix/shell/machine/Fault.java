package helix.shell.machine;

import helix.hal.api.machine.MachineControl;
import helix.hal.api.machine.MachineControl.Choice;
import helix.shell.Output;
import helix.shell.Platform;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Makes a machine fail, or tells how it can.
@Command(description = "Produces or ends a fault; without arguments lists the faults.")
public final class Fault extends MachineReport {
    @Parameters(index = "0", arity = "0..1", paramLabel = "<fault>", description = "Which.")
    private @Nullable String name;

    @Parameters(index = "1..*", paramLabel = "<key=value>", description = "Settings of that fault.")
    private List<String> words = List.of();

    /// What was done.
    ///
    /// @param machine to which machine
    /// @param fault which fault
    /// @param done what the machine says
    record Done(String machine, String fault, String done) {}

    /// Makes the command.
    ///
    /// @param platform where to act
    public Fault(Platform platform) {
        super(platform);
    }

    @Override
    public void run(Output out) {
        MachineControl control = control();
        List<Choice> faults = control.faults();
        if (name == null) {
            if (!out.json(faults)) {
                CHOICES.print(out, faults);
            }
            return;
        }
        if (faults.stream().noneMatch(c -> c.name().equals(name))) {
            throw Platform.unknown("fault", name, faults.stream().map(Choice::name).toList());
        }
        Done done = new Done(control.machine(), name, control.fault(name, options(words)));
        if (!out.json(done)) {
            out.line(done.done());
        }
    }
}
