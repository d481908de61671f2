package helix.driver.api.net;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ConsumerType;

/// A device that sends and receives Ethernet frames. One object serves one generation of its
/// driver; consumers who do not want to see drivers come and go use
/// `helix.net.api.NetworkInterface`.
///
/// The plain calls ([#send], [#recv]) wait and copy, and may be made by any thread. The fast path
/// is [#openRx] and [#openTx]: in bursts, polled, without allocation or copy.
@ConsumerType
public interface NetworkDevice {
    /// Service property: what identifies the device wherever it is plugged: its hardware address,
    /// `52:54:00:12:34:56`.
    String IDENTITY = "net.identity";

    /// Sends one frame, without its checksum sequence, and waits until the device has taken it.
    ///
    /// @param frame 14 bytes to the MTU and the header
    /// @throws NetworkException if it could not be sent
    void send(MemorySegment frame);

    /// Receives one frame.
    ///
    /// @param target where its bytes go; a longer frame is an error and is lost
    /// @param nanos the longest wait
    /// @return its length in bytes, -1 if none came
    /// @throws NetworkException if the device is gone
    int recv(MemorySegment target, long nanos);

    /// The hardware address.
    ///
    /// @return 48 bits, the first byte on the wire being the highest
    long macAddress();

    /// Changes the hardware address.
    ///
    /// @param address 48 bits of a unicast address
    /// @throws NetworkException with [NetworkException.Reason#UNSUPPORTED] if the device cannot
    default void macAddress(long address) {
        throw new NetworkException(
                NetworkException.Reason.UNSUPPORTED, "the hardware address cannot be changed");
    }

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

    /// What it can do.
    ///
    /// @return the limits, fixed for this object's life
    NetworkLimits limits();

    /// Receives all frames, whomever they are for, or only those for this address.
    ///
    /// @param on whether all
    /// @throws NetworkException with [NetworkException.Reason#UNSUPPORTED] if the device cannot
    default void promiscuous(boolean on) {
        throw new NetworkException(
                NetworkException.Reason.UNSUPPORTED, "no control of what is received");
    }

    /// Receives frames of a VLAN, where the device sorts them.
    ///
    /// @param id 0 to 4095
    /// @param on whether to receive them
    /// @throws NetworkException with [NetworkException.Reason#UNSUPPORTED] if the device cannot
    default void vlan(int id, boolean on) {
        throw new NetworkException(NetworkException.Reason.UNSUPPORTED, "no sorting by VLAN");
    }

    /// Counters.
    ///
    /// @return those of now
    NetworkStatistics statistics();

    /// Asks to be told when the link goes up or down, or the network should be told anew who is
    /// here.
    ///
    /// @param listener called on a thread of the platform; it returns soon
    /// @return ends it
    AutoCloseable onLink(LinkListener listener);

    /// Opens a queue to receive with.
    ///
    /// @param options which, how deep
    /// @param pool where frames go; held until the queue is over. It must be of memory that the
    ///   device reaches: of [#allocate]
    /// @return the queue, to be closed by the caller
    /// @throws NetworkException with [NetworkException.Reason#NO_QUEUE] if there is no such queue
    ///   or it is open already
    RxQueue openRx(NetQueueOptions options, FramePool pool);

    /// Opens a queue to send with.
    ///
    /// @param options which, how deep
    /// @param pool where frames come from; held until the queue is over
    /// @return the queue, to be closed by the caller
    /// @throws NetworkException with [NetworkException.Reason#NO_QUEUE] if there is no such queue
    ///   or it is open already
    TxQueue openTx(NetQueueOptions options, FramePool pool);

    /// Takes over a queue of the generation before, after a hand-over without a reset.
    ///
    /// @param handle what [NetQueue#handle()] of the old queue gave, not 0
    /// @param pool the old queue's pool: the numbers of the frames that the device has are in the
    ///   queue's memory
    /// @return the queue; null if there is none of that number: its frames will not be touched any
    ///   more then
    default @Nullable RxQueue adoptRx(long handle, FramePool pool) {
        return null;
    }

    /// As [#adoptRx], for a queue to send with.
    ///
    /// @param handle what [NetQueue#handle()] of the old queue gave, not 0
    /// @param pool the old queue's pool
    /// @return the queue; null if there is none of that number
    default @Nullable TxQueue adoptTx(long handle, FramePool pool) {
        return null;
    }

    /// Allocates memory that this device reaches without a copy.
    ///
    /// @param bytes at least 1
    /// @return the memory, to be closed by the caller; it outlives this device
    DmaBuffer allocate(long bytes);

    /// Told of a link.
    @ConsumerType
    interface LinkListener {
        /// The link went up or down.
        ///
        /// @param up whether it is up
        void linkChanged(boolean up);

        /// The network may have changed: announce addresses anew.
        default void announce() {}
    }
}
