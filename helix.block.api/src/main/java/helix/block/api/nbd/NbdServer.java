package helix.block.api.nbd;

import helix.block.api.Disk;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/// Serves disks to other programs of this computer by the NBD (Network Block Device) protocol. All
/// methods may be called by any thread.
@ProviderType
public interface NbdServer {
    /// Begins to serve a disk. The disk is open until the export is closed: for shared writing, or
    /// for reading only.
    ///
    /// @param disk what to serve
    /// @param address where to listen: a [java.net.UnixDomainSocketAddress], or a
    ///   [java.net.InetSocketAddress] of the loopback interface; port 0 takes any free one
    /// @param name under which clients ask for it, unique among the exports
    /// @param readOnly whether clients may only read
    /// @return what is now served
    /// @throws IOException if nobody can listen there, saying why
    /// @throws IllegalArgumentException if the address is not one of these, or the name is taken
    /// @throws helix.hal.api.DeviceException if the disk cannot be opened
    NbdExport serve(Disk disk, SocketAddress address, String name, boolean readOnly)
            throws IOException;

    /// What is served.
    ///
    /// @return a snapshot, by name
    List<NbdExport> exports();
}
