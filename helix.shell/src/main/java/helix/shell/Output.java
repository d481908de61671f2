package helix.shell;

import java.io.PrintStream;
import org.apache.felix.service.command.CommandSession;
import org.apache.felix.service.command.Process;
import org.jspecify.annotations.Nullable;

/// Where a command's results go: the session's console, or the pipe or file that the command line
/// sends them to.
public final class Output {
    private final PrintStream stream;
    private final boolean json;
    private final boolean terminal;

    /// Makes an output.
    ///
    /// @param stream takes the text
    /// @param json whether `--json` was given
    /// @param terminal whether a person looks at it in a terminal
    public Output(PrintStream stream, boolean json, boolean terminal) {
        this.stream = stream;
        this.json = json;
        this.terminal = terminal;
    }

    /// The output of the command that the session runs on this thread.
    static Output of(CommandSession session, boolean json) {
        // In a pipe or with a redirection the process has another stream than the console.
        @Nullable Process process = Process.Utils.current();
        PrintStream stream =
                process == null || process.out() == null ? session.getConsole() : process.out();
        return new Output(stream, json, isTerminal(session, process));
    }

    /// An interactive session has its terminal's type in the variable TERM; one that executes a
    /// script for somebody has none, unless who made it says otherwise.
    private static boolean isTerminal(CommandSession session, @Nullable Process process) {
        Object term = session.get("TERM");
        return term instanceof CharSequence type
                && !type.isEmpty()
                && !type.toString().contentEquals("dumb")
                && (process == null || process.isTty(1));
    }

    /// Whether a person looks at this in a terminal, so that a progress bar makes sense.
    ///
    /// @return false with `--json`, in pipes and scripts
    public boolean isInteractive() {
        return terminal && !json;
    }

    /// Prints a JSON document if that is wanted.
    ///
    /// @param document made of records, lists, maps, strings and numbers
    /// @return whether JSON is wanted; then there is nothing more to print
    public boolean json(@Nullable Object document) {
        if (json) {
            stream.print(Json.write(document) + "\n");
            stream.flush();
        }
        return json;
    }

    /// Prints a line.
    ///
    /// @param text without a newline
    public void line(String text) {
        stream.print(text.stripTrailing() + "\n");
        stream.flush();
    }

    /// Prints text and leaves the cursor behind it.
    ///
    /// @param text may hold control characters
    public void raw(String text) {
        stream.print(text);
        stream.flush();
    }
}
