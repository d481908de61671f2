package helix.launcher;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `doctor`: asks a platform about itself and its surroundings. What keeps a platform from starting
/// at all is said by the `helix` script and by [Session], in one line each.
@Command(name = "doctor", description = "Checks the machine; each finding names its fix.")
final class DoctorCommand implements Callable<Integer> {
    @Mixin private final MachineOptions machine = new MachineOptions();
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Option(names = "--json", description = "one JSON document")
    private boolean json;

    @Override
    public Integer call() {
        return Session.run(
                instance.instanceOrTemporary(),
                machine,
                "exec",
                json ? "helix:doctor --json" : "helix:doctor");
    }
}
