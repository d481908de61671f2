package helix.shell;

import picocli.CommandLine.Option;

/// A command that lists or reports: as text, or with `--json` as one JSON document made from the
/// same records.
public abstract class Report extends ShellCommand {
    @Option(names = "--json", description = "Print one JSON document.")
    private boolean json;

    @Override
    public final boolean json() {
        return json;
    }
}
