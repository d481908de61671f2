package helix.launcher;

import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `status`: whether a platform runs, and what it says of itself.
@Command(name = "status", description = "Tells whether the platform runs; exit status 3 if not.")
final class StatusCommand implements Callable<Integer> {
    /// As service managers have it.
    private static final int NOT_RUNNING = 3;

    @Mixin private final InstanceOptions instance = new InstanceOptions();

    @Option(names = "--json", description = "one JSON object")
    private boolean json;

    @Override
    public Integer call() {
        Instance served = instance.instance();
        Optional<Long> pid = served.holder();
        if (pid.isPresent() && served.controlSocket().isPresent()) {
            return new ControlClient(served).request(json ? "status-json" : "status", "");
        }
        String state = pid.isPresent() ? "running" : "stopped";
        String detail =
                pid.map(p -> json ? ",\"pid\":" + p : "  pid " + p + "  (no control socket)")
                        .orElse("");
        System.out.println(json ? "{\"state\":\"" + state + "\"" + detail + "}" : state + detail);
        return pid.isPresent() ? 0 : NOT_RUNNING;
    }
}
