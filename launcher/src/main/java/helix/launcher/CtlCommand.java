package helix.launcher;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `ctl`: commands for the platform that runs already.
@Command(name = "ctl", description = "Runs commands in the running platform.")
final class CtlCommand implements Callable<Integer> {
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Parameters(arity = "1..*", paramLabel = "'cmd; cmd'", description = "Gogo commands")
    private List<String> commands = List.of();

    @Override
    public Integer call() {
        return new ControlClient(instance.instance()).request("exec", String.join(" ", commands));
    }
}
