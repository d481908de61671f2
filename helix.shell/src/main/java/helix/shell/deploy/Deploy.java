package helix.shell.deploy;

import helix.hal.api.Deadline;
import helix.modules.api.binder.Deployments;
import helix.modules.api.binder.Deployments.Deployment;
import helix.modules.api.binder.Deployments.State;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Brings a driver's jar into use, or a newer one of the same name.
@Command(description = "Brings a driver's jar into use; one of the same name is replaced.")
public final class Deploy extends Report {
    /// For the modules of the jar to start, so that the next command sees what they serve. How a
    /// module did is not this command's to judge: helix:drivers tells.
    private static final Duration SETTLING = Duration.ofSeconds(10);

    private final Platform platform;

    @Parameters(paramLabel = "<file>", description = "A bundle's .jar file.")
    private String jar = "";

    /// Makes the command.
    ///
    /// @param platform where to act
    public Deploy(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) throws IOException {
        Deployments deployments = platform.requireDeployments();
        Path file = file(jar);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(jar);
        }
        if (!Files.isRegularFile(file)) {
            throw new CommandFailed(jar + " is no regular file");
        }
        Deployment deployment = deployments.install(file);
        if (deployment.state() != State.ACTIVE) {
            throw new CommandFailed(
                    "%s is %s: %s".formatted(jar, deployment.state(), deployment.message()));
        }
        platform.binder().ifPresent(b -> b.awaitSettled(Deadline.after(SETTLING)));
        if (!out.json(deployment)) {
            out.line(
                    "%s is deployed: %s %s"
                            .formatted(
                                    deployment.file(), deployment.bundle(), deployment.version()));
        }
    }
}
