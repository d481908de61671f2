package helix.launcher;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `serve`: the background process that `start` makes.
@Command(name = "serve", hidden = true)
final class ServeCommand implements Callable<Integer> {
    @Mixin private final MachineOptions machine = new MachineOptions();
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Override
    public Integer call() {
        Instance served = instance.instance();
        Distribution distribution = Distribution.current();
        MachineChoice choice = Session.choose(distribution, machine.checked());
        try (served) {
            served.open();
            String socket = served.prepareControlSocket().toString();
            try (Platform platform = Platform.boot(distribution, served, machine, choice.name())) {
                return platform.call("serve", socket, served.controlNote().toString());
            }
        }
    }
}
