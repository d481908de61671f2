package helix.net.api.tap;

import helix.net.api.NetworkInterface;
import java.io.IOException;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/// Joins network interfaces with TAP devices of the Linux kernel, whose TCP/IP then works over
/// drivers of this instance. A service; any thread.
@ProviderType
public interface TapBridges {
    /// Begins to move frames.
    ///
    /// @param of the interface, which nobody has open
    /// @param tap the TAP device's name; it is made, unless it is there
    /// @return the bridge
    /// @throws IOException if there is no such right, or no such device
    Bridge bridge(NetworkInterface of, String tap) throws IOException;

    /// Bridges there are.
    ///
    /// @return a snapshot
    List<Bridge> bridges();

    /// A bridge.
    @ProviderType
    interface Bridge extends AutoCloseable {
        /// One end.
        ///
        /// @return the interface
        NetworkInterface of();

        /// The other end.
        ///
        /// @return the kernel's name of the device
        String tap();

        /// What was moved.
        ///
        /// @return counters now
        Counters counters();

        /// Whether frames are moved.
        ///
        /// @return false once closed, or one end failed
        boolean isOpen();

        /// Ends it.
        @Override
        void close();
    }

    /// What was moved.
    ///
    /// @param toTap frames from the interface to the kernel
    /// @param fromTap frames from the kernel to the interface
    /// @param dropped frames that found no room on the other side
    record Counters(long toTap, long fromTap, long dropped) {}
}
