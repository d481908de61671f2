package helix.shell.blk.engine;

/// Told how far long work has come, some thousand times a second at the most.
@FunctionalInterface
public interface Progress {
    /// Nobody is interested.
    Progress NONE = (done, total) -> {};

    /// More is done.
    ///
    /// @param done bytes
    /// @param total bytes there are to do in all
    void moved(long done, long total);
}
