package helix.shell.blk.engine;

/// Asked now and then by long work whether it should end early.
@FunctionalInterface
public interface CancelSignal {
    /// Never.
    CancelSignal NEVER = () -> false;

    /// Whether to end early. Once true it stays true.
    ///
    /// @return true to end
    boolean isCancelled();
}
