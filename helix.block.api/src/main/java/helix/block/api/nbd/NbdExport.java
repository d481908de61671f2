package helix.block.api.nbd;

import helix.block.api.Disk;
import org.osgi.annotation.versioning.ProviderType;

/// A disk that is served.
@ProviderType
public interface NbdExport extends AutoCloseable {
    /// Under which name clients ask for it.
    ///
    /// @return as given when it was served
    String name();

    /// What is served.
    ///
    /// @return the disk
    Disk disk();

    /// Whether clients may only read.
    ///
    /// @return as given when it was served
    boolean readOnly();

    /// What clients are given to find it.
    ///
    /// @return an NBD URI: `nbd+unix:///nvme0n1?socket=/run/x.sock`,
    ///   `nbd://127.0.0.1:10809/nvme0n1`
    String uri();

    /// What its clients did.
    ///
    /// @return counters now
    Statistics statistics();

    /// Ends it: nobody is let in any more, requests in flight are answered, connections closed. A
    /// second call does nothing.
    @Override
    void close();

    /// Counters of an export.
    ///
    /// @param connections how many clients are connected
    /// @param requests requests that were answered
    /// @param errors how many of these with an error
    /// @param bytesRead bytes sent to clients
    /// @param bytesWritten bytes taken from clients
    /// @param violations connections that were ended because what came was not NBD
    record Statistics(
            int connections,
            long requests,
            long errors,
            long bytesRead,
            long bytesWritten,
            long violations) {}
}
