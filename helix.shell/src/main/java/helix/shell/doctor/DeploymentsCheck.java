package helix.shell.doctor;

import helix.modules.api.binder.Deployments;
import helix.modules.api.binder.Deployments.Deployment;
import helix.modules.api.binder.Deployments.State;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// The jars in this instance's deploy folder.
///
/// @param deployments who follows it
record DeploymentsCheck(Supplier<Optional<Deployments>> deployments) implements Check {
    @Override
    public String name() {
        return "deployments";
    }

    @Override
    public Result run() {
        Deployments d = deployments.get().orElse(null);
        if (d == null) {
            return Result.fail("nobody follows the deploy folder", "start bundle helix.modules");
        }
        List<Deployment> all = d.list();
        List<String> bad =
                all.stream()
                        .filter(j -> j.state() != State.ACTIVE)
                        .map(j -> j.file() + " is " + j.state() + ": " + j.message())
                        .toList();
        return bad.isEmpty()
                ? Result.ok(all.size() + " deployed")
                : Result.fail(
                        String.join("; ", bad),
                        "replace the jar in deploy/ (helix:deploy <file>) or remove it");
    }
}
