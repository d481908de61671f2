package helix.launcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `script`: the platform for the time of a script.
@Command(name = "script", description = "The same as exec, with the commands of a file.")
final class ScriptCommand implements Callable<Integer> {
    @Mixin private final MachineOptions machine = new MachineOptions();
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Parameters(paramLabel = "FILE", description = "a file of Gogo commands")
    private Path file = Path.of("");

    @Override
    public Integer call() {
        String commands;
        try {
            commands = Files.readString(file);
        } catch (IOException e) {
            throw new Failure("cannot read script " + file, e);
        }
        return Session.run(instance.instanceOrTemporary(), machine, "exec", commands);
    }
}
