package helix.shell;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/// A command, parsed by picocli. A new object is made for each call.
public abstract class ShellCommand {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    @SuppressWarnings("unused") // picocli looks at the option, not at the field
    private boolean help;

    private Path folder = Path.of("");

    /// The session's folder, from which files are named.
    final void folder(Path current) {
        folder = current;
    }

    /// A file as the session means it.
    ///
    /// @param name as given, from the session's folder on
    /// @return its path
    protected final Path file(String name) {
        return folder.resolve(name);
    }

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
