package helix.driver.api.block;

import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ConsumerType;

/// A device of equal, numbered blocks: an NVMe namespace, a disk, a virtio block device. One object
/// serves one generation of its driver; consumers who do not want to see drivers come and go use
/// `helix.block.api.Disk`.
///
/// The plain calls ([#readBlock], [#writeBlock], [#flush]) wait and may be made by any thread. The
/// fast path is [#openQueue]: asynchronous, polled, without allocation.
@ConsumerType
public interface BlockDevice {
    /// Service property: the name wished for, `nvme0n1`.
    String NAME = "block.name";

    /// Service property: what identifies the medium wherever it is plugged: model, serial number
    /// and namespace.
    String IDENTITY = "block.identity";

    /// Who this is.
    ///
    /// @return model, serial number and so on, as the device reports them
    BlockIdentity identity();

    /// The size of a logical block.
    ///
    /// @return bytes, a power of two of at least 512
    int blockSize();

    /// The capacity now; a device may grow or shrink.
    ///
    /// @return blocks
    long totalBlocks();

    /// What a request may be like.
    ///
    /// @return the limits, fixed for this object's life
    BlockLimits limits();

    /// Reads blocks into memory of any kind and waits. The bytes are copied; a segment of any
    /// length that is a multiple of the block size will do.
    ///
    /// @param lba the first block
    /// @param target where the bytes go; its size says how many blocks
    /// @throws BlockException if a part could not be read; the target's contents are then undefined
    default void readBlock(long lba, MemorySegment target) {
        PlainTransfer.run(this, BlockOp.READ, lba, target);
    }

    /// Writes blocks from memory of any kind and waits until the device has acknowledged them. They
    /// are durable after a [#flush] unless the device has no volatile cache.
    ///
    /// @param lba the first block
    /// @param source the bytes; its size says how many blocks
    /// @throws BlockException if a part could not be written; each block is then old or new
    default void writeBlock(long lba, MemorySegment source) {
        PlainTransfer.run(this, BlockOp.WRITE, lba, source);
    }

    /// Makes every write acknowledged before this call durable, and waits for it.
    ///
    /// @throws BlockException if the device could not
    default void flush() {
        PlainTransfer.run(this, BlockOp.FLUSH, 0, MemorySegment.NULL);
    }

    /// Opens a queue of requests.
    ///
    /// @param options depth and how completions are noticed
    /// @return the queue, to be closed by the caller
    /// @throws BlockException with [BlockStatus#NO_QUEUE] if the device has no queue left; the
    ///   message names how many it has
    BlockQueue openQueue(QueueOptions options);

    /// Takes over a passable queue of the generation before, after a hand-over without a reset.
    /// What was in flight is in flight, and ends with the tags it was submitted with. The client
    /// holds the memory of those requests itself: this generation does not know it.
    ///
    /// @param handle what [BlockQueue#handle()] of the old queue gave, not 0
    /// @return the queue, to be closed by the caller; null if there is none of that number: then
    ///   what was in flight there will not happen any more
    default @Nullable BlockQueue adoptQueue(long handle) {
        return null;
    }

    /// Allocates memory that this device reaches without a copy.
    ///
    /// @param bytes at least 1
    /// @return the memory, to be closed by the caller; it outlives this device
    DmaBuffer allocate(long bytes);
}
