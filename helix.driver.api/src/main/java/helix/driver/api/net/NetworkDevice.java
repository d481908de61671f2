package helix.driver.api.net;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import org.osgi.annotation.versioning.ConsumerType;

/// A device that sends and receives Ethernet frames. The plain calls wait and copy; the fast path
/// is [#openRx] and [#openTx].
@ConsumerType
public interface NetworkDevice {
    /// Sends one frame, without its checksum sequence, and waits until the device has taken it.
    ///
    /// @param frame 14 bytes to the MTU and the header
    void send(MemorySegment frame);

    /// Receives one frame.
    ///
    /// @param target where its bytes go
    /// @param nanos the longest wait
    /// @return its length in bytes, -1 if none came
    int recv(MemorySegment target, long nanos);

    /// The hardware address.
    ///
    /// @return 48 bits, the first byte on the wire being the highest
    long macAddress();

    /// The speed of the link.
    ///
    /// @return megabits per second, 0 if unknown
    long linkSpeed();

    /// Whether there is a link.
    ///
    /// @return true if frames can be sent
    boolean isLinkUp();

    /// The largest payload of a frame.
    ///
    /// @return bytes, usually 1500
    int mtu();

    /// Opens a queue to receive from.
    ///
    /// @param index 0 and up
    /// @param depth how many buffers it holds
    /// @return the queue, to be closed by the caller
    Burst openRx(int index, int depth);

    /// Opens a queue to send with.
    ///
    /// @param index 0 and up
    /// @param depth how many frames it holds
    /// @return the queue, to be closed by the caller
    Burst openTx(int index, int depth);

    /// Allocates memory that this device reaches without a copy.
    ///
    /// @param bytes at least 1
    /// @return the memory, to be closed by the caller
    DmaBuffer allocate(long bytes);

    /// A queue that moves frames in bursts, for one thread at a time. Nothing in it allocates.
    @ConsumerType
    interface Burst extends AutoCloseable {
        /// Gives the device memory: frames to send, or room to receive into.
        ///
        /// @param buffers the memory
        /// @param lengths bytes to send or room for, one for each
        /// @param count how many
        /// @return how many were taken
        int post(DmaBuffer[] buffers, int[] lengths, int count);

        /// Takes memory back that the device is done with.
        ///
        /// @param buffers where the memory goes
        /// @param lengths the bytes received in each
        /// @param max the most to take
        /// @return how many came back
        int reap(DmaBuffer[] buffers, int[] lengths, int max);

        /// Ends the queue.
        @Override
        void close();
    }
}
