package helix.launcher;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `run`: the platform with a shell, until the user leaves it.
@Command(name = "run", description = "Boots the platform and opens the shell.")
final class RunCommand implements Callable<Integer> {
    @Mixin private final MachineOptions machine = new MachineOptions();
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Override
    public Integer call() {
        return Session.run(instance.instance(), machine, "run");
    }
}
