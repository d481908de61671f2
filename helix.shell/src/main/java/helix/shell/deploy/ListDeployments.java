package helix.shell.deploy;

import helix.modules.api.binder.Deployments.Deployment;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.List;
import picocli.CommandLine.Command;

/// Lists the jars in the deploy folder.
@Command(description = "Lists the jars in the deploy folder and what became of them.")
public final class ListDeployments extends Report {
    private static final Table<Deployment> TABLE =
            new Table<Deployment>()
                    .column("FILE", Deployment::file)
                    .column("BUNDLE", Deployment::bundle)
                    .column("VERSION", Deployment::version)
                    .column("STATE", Deployment::state)
                    .column("MESSAGE", Deployment::message);

    private final Platform platform;

    /// Makes the command.
    ///
    /// @param platform where to look
    public ListDeployments(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        List<Deployment> deployments = platform.requireDeployments().list();
        if (!out.json(deployments)) {
            TABLE.print(out, deployments);
        }
    }
}
