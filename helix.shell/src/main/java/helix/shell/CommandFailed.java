package helix.shell;

import org.jspecify.annotations.Nullable;

/// A command that did not do what it was asked to. The message is the one line that a person sees.
public final class CommandFailed extends RuntimeException {
    private static final long serialVersionUID = 1;

    /// Describes the failure.
    ///
    /// @param message one line: what, and what would help
    public CommandFailed(String message) {
        this(message, null);
    }

    /// Describes the failure with its cause.
    ///
    /// @param message one line: what, and what would help
    /// @param cause what led to it
    public CommandFailed(String message, @Nullable Throwable cause) {
        super(message.lines().map(String::strip).reduce((a, b) -> a + " " + b).orElse(""), cause);
    }
}
