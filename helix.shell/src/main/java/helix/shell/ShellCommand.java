package helix.shell;

import picocli.CommandLine.Option;

/// A command, parsed by picocli. A new object is made for each call.
public abstract class ShellCommand {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    @SuppressWarnings("unused") // picocli looks at the option, not at the field
    private boolean help;

    /// Does it.
    ///
    /// @param out where results go
    /// @throws Exception if it could not; a [CommandFailed] has a message for a person
    public abstract void run(Output out) throws Exception;

    /// Whether one JSON document is wanted instead of text.
    ///
    /// @return false for commands that report nothing
    public boolean json() {
        return false;
    }
}
