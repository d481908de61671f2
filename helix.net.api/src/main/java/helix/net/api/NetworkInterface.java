package helix.net.api;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetworkDevice.LinkListener;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;
import org.osgi.annotation.versioning.ProviderType;

/// A network interface under a stable name. Published as a service once, when it is first seen, and
/// not withdrawn while the instance lives: when the device goes, the same object says so, and the
/// same hardware address plugged again revives it.
///
/// All methods may be called by any thread.
@ProviderType
public interface NetworkInterface {
    /// Service property: the [#name()].
    String NAME = "net.name";

    /// The stable name: `net0`.
    ///
    /// @return unique in the instance
    String name();

    /// The hardware address.
    ///
    /// @return 48 bits, the first byte on the wire being the highest
    long macAddress();

    /// The largest payload of a frame.
    ///
    /// @return bytes, as last seen
    int mtu();

    /// Whether it can be used.
    ///
    /// @return the state now
    State state();

    /// Whether there is a link; false without a driver.
    ///
    /// @return as the driver says
    boolean isLinkUp();

    /// The speed of the link.
    ///
    /// @return megabits per second, 0 if unknown
    long linkSpeed();

    /// The device now behind this interface.
    ///
    /// @return id of the device and name of its driver, empty while there is none
    Optional<Backing> backing();

    /// Opens the interface to move frames. One user at a time has it.
    ///
    /// @param user who asks, for others who lose: `net:ping in shell 2`
    /// @param options what the port should be like
    /// @return the port, to be closed by the caller
    /// @throws helix.hal.api.DeviceBusyException if somebody has it, naming that user
    /// @throws helix.hal.api.DeviceGoneException if the device is absent
    Port open(String user, PortOptions options);

    /// Who has it open.
    ///
    /// @return the user's name
    Optional<String> user();

    /// Shows a copy of all frames that its user sends and receives.
    ///
    /// @param monitor called on the user's thread; it returns soon
    /// @return ends it
    AutoCloseable monitor(Monitor monitor);

    /// Asks to be told of the link.
    ///
    /// @param listener called on a thread of the platform; it returns soon
    /// @return ends it
    AutoCloseable onLink(LinkListener listener);

    /// What was done since the interface was first seen.
    ///
    /// @return counters now
    Statistics statistics();

    /// States of an interface.
    enum State {
        /// A driver serves it.
        PRESENT,
        /// The device is there, its driver is not.
        DRIVERLESS,
        /// The device is not there.
        ABSENT
    }

    /// The device behind an interface.
    ///
    /// @param device the device's id
    /// @param driver the driver's name
    /// @param generation the lease's epoch
    record Backing(String device, String driver, long generation) {}

    /// What a port should be like.
    ///
    /// @param rxDepth frames that wait to be received, at least 1
    /// @param txDepth frames that wait to be sent, at least 1
    /// @param frameSize bytes of a frame of the pool, with headroom
    /// @param frames how many frames the pool has
    /// @param interrupts whether [Port#await] sleeps until the device interrupts
    /// @param promiscuous whether frames for others are received too
    record PortOptions(
            int rxDepth,
            int txDepth,
            int frameSize,
            int frames,
            boolean interrupts,
            boolean promiscuous) {
        /// Usual ones.
        ///
        /// @param interrupts whether to sleep while waiting
        /// @return 256 frames each way, of 2 KiB
        public static PortOptions usual(boolean interrupts) {
            return new PortOptions(256, 256, 2048, 1024, interrupts, false);
        }
    }

    /// The way of frames in and out, across generations of the driver: while there is none, frames
    /// to be sent wait, as many as the port's `txDepth`, and nothing is received. For one thread at
    /// a time, but for [#wake]; moving frames allocates nothing.
    @ProviderType
    interface Port extends AutoCloseable {
        /// The memory of frames. It stays the same across generations.
        ///
        /// @return the pool, for the owner's thread
        FramePool pool();

        /// Takes frames that have come; they are the caller's then.
        ///
        /// @param burst where they are added
        /// @return how many entries were added
        int receive(Burst burst);

        /// Sends frames from the front of a burst; what was taken is dropped from it.
        ///
        /// @param burst the frames
        /// @return how many entries were taken; fewer if there is no room
        /// @throws IllegalArgumentException if a frame is not one the interface sends
        int send(Burst burst);

        /// Gives up on all frames of a burst: they go back to the pool and are counted as dropped.
        ///
        /// @param burst the frames; empty afterwards
        void drop(Burst burst);

        /// Copies a frame into the pool and sends it.
        ///
        /// @param frame the bytes from the destination address on
        /// @return false if there was no room; it is counted as dropped then
        boolean send(MemorySegment frame);

        /// Waits until frames may have come or room may be there.
        ///
        /// @param nanos the longest wait
        /// @return false if the time passed
        boolean await(long nanos);

        /// Ends an [#await] of the owner early. Any thread.
        void wake();

        /// Whether the port can still be used.
        ///
        /// @return false once closed or the device is absent
        boolean isOpen();

        /// Ends it. Frames are taken from the device before the memory is given back.
        @Override
        void close();
    }

    /// Shown frames.
    @ConsumerType
    @FunctionalInterface
    interface Monitor {
        /// A frame passed.
        ///
        /// @param sent whether it was sent, else it was received
        /// @param nanos time of the system clock, in nanoseconds since 1970
        /// @param memory where its bytes are, until the call returns
        /// @param offset where they begin
        /// @param length how many there are in this piece
        /// @param more whether another piece of the same frame follows
        void frame(
                boolean sent,
                long nanos,
                MemorySegment memory,
                long offset,
                int length,
                boolean more);
    }

    /// Counters.
    ///
    /// @param rxFrames frames received
    /// @param rxBytes their bytes
    /// @param rxDropped frames lost in a reload without hand-over, or that the device had no memory
    ///   for
    /// @param txFrames frames sent
    /// @param txBytes their bytes
    /// @param txDropped frames that were given up, or were with a device when it was reset: these
    ///   may have gone out
    /// @param txParked frames that waited for a driver
    /// @param generations of the driver so far
    record Statistics(
            long rxFrames,
            long rxBytes,
            long rxDropped,
            long txFrames,
            long txBytes,
            long txDropped,
            long txParked,
            long generations) {}
}
