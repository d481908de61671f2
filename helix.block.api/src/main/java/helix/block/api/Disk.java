package helix.block.api;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockIdentity;
import java.nio.channels.SeekableByteChannel;
import java.util.List;
import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;

/// A disk under a stable name. Published as a service once, when it is first seen, and not
/// withdrawn while the instance lives: when the device goes, the same object says so, and the same
/// medium plugged again revives it.
///
/// All methods may be called by any thread.
@ProviderType
public interface Disk {
    /// Service property: the [#name()].
    String NAME = "disk.name";

    /// The stable name: `nvme0n1`.
    ///
    /// @return unique in the instance
    String name();

    /// Who the medium is.
    ///
    /// @return as the device reported it last
    BlockIdentity identity();

    /// Whether it can be used.
    ///
    /// @return the state now
    State state();

    /// Size of a block.
    ///
    /// @return bytes, as last seen
    int blockSize();

    /// Capacity.
    ///
    /// @return blocks, as last seen
    long totalBlocks();

    /// The device now behind this disk.
    ///
    /// @return id of the device and name of its driver, empty while there is none
    Optional<Backing> backing();

    /// Opens the disk.
    ///
    /// @param mode what is wanted, and what is allowed to others
    /// @param user who asks, for others who lose: `blk:write in shell 2`
    /// @return the access, to be closed by the caller
    /// @throws helix.hal.api.DeviceBusyException if another user's mode forbids it, naming that
    ///   user
    /// @throws helix.hal.api.DeviceGoneException if the device is absent
    Access open(OpenMode mode, String user);

    /// Who has it open.
    ///
    /// @return a snapshot
    List<User> users();

    /// What was done since the disk was first seen.
    ///
    /// @return counters now
    Statistics statistics();

    /// How long requests took, from their submission to their completion, parking included.
    ///
    /// @return for each kind of request that there was: `read`, `write`, `flush` …
    List<Latency> latencies();

    /// States of a disk.
    enum State {
        /// A driver serves it.
        PRESENT,
        /// The device is there, its driver is not.
        DRIVERLESS,
        /// The device is not there.
        ABSENT
    }

    /// What an opener wants and lets others do.
    enum OpenMode {
        /// Reads; others may do what they like but write exclusively.
        READ,
        /// Reads and writes; no other may write.
        WRITE_EXCLUSIVE,
        /// Reads and writes; others may write too.
        WRITE_SHARED
    }

    /// The device behind a disk.
    ///
    /// @param device the device's id
    /// @param driver the driver's name
    /// @param generation the lease's epoch
    record Backing(String device, String driver, long generation) {}

    /// Somebody who has the disk open.
    ///
    /// @param name as given at [#open]
    /// @param mode as given at [#open]
    record User(String name, OpenMode mode) {}

    /// Counters of a disk.
    ///
    /// @param reads completed read requests
    /// @param writes completed write requests
    /// @param flushes completed flushes
    /// @param others completed requests of other kinds
    /// @param bytesRead bytes read
    /// @param bytesWritten bytes written
    /// @param errors requests that ended with an error
    /// @param bounced requests whose memory the device did not reach, so that it was copied
    /// @param parked requests that waited for a driver
    /// @param adopted requests in flight that a driver's next generation took over
    /// @param replayed requests that were submitted again after a reset
    record Statistics(
            long reads,
            long writes,
            long flushes,
            long others,
            long bytesRead,
            long bytesWritten,
            long errors,
            long bounced,
            long parked,
            long adopted,
            long replayed) {}

    /// How long requests of one kind took, since the disk was first seen. In microseconds.
    ///
    /// @param operation the kind: `read`
    /// @param count how many
    /// @param min the shortest
    /// @param mean the mean
    /// @param p50 half took no longer
    /// @param p90 90 % took no longer
    /// @param p99 99 % took no longer
    /// @param p999 99.9 % took no longer
    /// @param max the longest
    record Latency(
            String operation,
            long count,
            double min,
            double mean,
            double p50,
            double p90,
            double p99,
            double p999,
            double max) {}

    /// An open disk. The same calls as the device's, so that what serves a device serves a disk;
    /// writing through a READ access ends with [helix.driver.api.block.BlockStatus#READ_ONLY].
    @ProviderType
    interface Access extends BlockDevice, AutoCloseable {
        /// The disk.
        ///
        /// @return what was opened
        Disk disk();

        /// The disk as a channel of bytes, at any position and of any length: reads and writes that
        /// are not whole blocks read the blocks around them first. Writes beyond the end fail;
        /// `force` does not exist here, [#flush] does it. For one thread at a time; closing it
        /// leaves this access open.
        ///
        /// @return a new channel at position 0, which cannot be truncated
        SeekableByteChannel channel();

        /// Closes all queues opened through this and lets others in. A second call does nothing.
        @Override
        void close();
    }
}
