package helix.modules.api;

/// A module that cannot do what it was asked to; the message tells a person why.
public final class ModuleError extends RuntimeException {
    private static final long serialVersionUID = 1;

    /// Describes the failure.
    ///
    /// @param message what and why
    public ModuleError(String message) {
        super(message);
    }

    /// Describes the failure with its cause.
    ///
    /// @param message what and why
    /// @param cause what led to it
    public ModuleError(String message, Throwable cause) {
        super(message, cause);
    }
}
