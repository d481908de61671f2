package helix.launcher;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `exec`: the platform for the time of some commands.
@Command(
        name = "exec",
        description = "Boots the platform, waits until it is settled, runs the commands, stops.")
final class ExecCommand implements Callable<Integer> {
    @Mixin private final MachineOptions machine = new MachineOptions();
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Parameters(arity = "1..*", paramLabel = "'cmd; cmd'", description = "Gogo commands")
    private List<String> commands = List.of();

    @Override
    public Integer call() {
        return Session.run(
                instance.instanceOrTemporary(), machine, "exec", String.join(" ", commands));
    }
}
