package helix.shell.tree;

import helix.modules.api.binder.Binder.Rule;
import helix.shell.Binding;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Tells why a device is bound or not.
@Command(description = "Tells why a device is bound or not, rule by rule.")
public final class Why extends Report {
    private static final Table<Rule> TABLE =
            new Table<Rule>()
                    .column("", r -> r.holds() ? "yes" : "no")
                    .column("RULE", Rule::rule)
                    .column("WANTED", Rule::wanted)
                    .column("FOUND", Rule::found);

    private final Platform platform;

    @Parameters(paramLabel = "<device>", description = "Address, module or disk.")
    private String device = "";

    /// The answer.
    ///
    /// @param device its id
    /// @param driver the driver bound to it, null if none is
    /// @param state its module's state, null if it has none
    /// @param reason why its module failed, or what it says of its health; null if nothing
    /// @param rules the rules asked, in order
    record Answer(
            String device,
            @Nullable String driver,
            @Nullable String state,
            @Nullable String reason,
            List<Rule> rules) {}

    /// Makes the command.
    ///
    /// @param platform where to look
    public Why(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) {
        String id = platform.deviceId(device);
        List<Rule> rules = platform.requireBinder().why(id);
        Binding b = Binding.of(id, platform.modules());
        Answer answer = new Answer(id, b.driver(), b.state(), b.reason(), rules);
        if (out.json(answer)) {
            return;
        }
        out.line(summary(answer));
        TABLE.print(out, rules);
    }

    private static String summary(Answer a) {
        String bound = a.driver() == null ? "not bound" : "bound to " + a.driver();
        String state = a.state() == null ? "" : ", " + a.state();
        String reason = a.reason() == null ? "" : ": " + a.reason();
        return a.device() + " is " + bound + state + reason;
    }
}
