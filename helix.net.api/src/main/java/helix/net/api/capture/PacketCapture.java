package helix.net.api.capture;

import helix.net.api.NetworkInterface;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/// Writes what passes network interfaces into pcapng files. A service; any thread.
@ProviderType
public interface PacketCapture {
    /// Begins a capture.
    ///
    /// @param of the interface
    /// @param file the file, replaced if it exists
    /// @param snapLength the most bytes kept of a frame, 0 for all
    /// @param count ends after that many frames, 0 for no end
    /// @return the capture
    /// @throws IOException if the file cannot be written
    Capture start(NetworkInterface of, Path file, int snapLength, long count) throws IOException;

    /// Captures that are going on.
    ///
    /// @return a snapshot
    List<Capture> captures();

    /// A capture.
    @ProviderType
    interface Capture extends AutoCloseable {
        /// Whose frames.
        ///
        /// @return the interface
        NetworkInterface of();

        /// Where they go.
        ///
        /// @return the file
        Path file();

        /// How much has been captured.
        ///
        /// @return counters now
        Counters counters();

        /// Waits until as many frames are captured as were asked for.
        ///
        /// @param nanos the longest wait
        /// @return false if the time passed
        /// @throws InterruptedException if the caller is interrupted
        boolean await(long nanos) throws InterruptedException;

        /// Ends it; what was captured is in the file then.
        ///
        /// @throws IOException if the file could not be written
        @Override
        void close() throws IOException;
    }

    /// How much has been captured.
    ///
    /// @param frames frames captured
    /// @param bytes bytes kept of them
    /// @param dropped frames that came too fast to be written
    record Counters(long frames, long bytes, long dropped) {}
}
