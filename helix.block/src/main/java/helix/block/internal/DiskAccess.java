package helix.block.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// A disk opened by one user. It outlives the devices behind the disk: each call and each new queue
/// goes to the device that is there at that moment; a queue ends with its device.
final class DiskAccess implements Disk.Access {
    private final PassThroughDisk disk;
    private final Disk.User user;
    private final BlockLimits limits;
    private final List<DiskQueue> queues = new ArrayList<>();
    private volatile boolean closed;

    DiskAccess(PassThroughDisk disk, Disk.User user, BlockLimits limits) {
        this.disk = disk;
        this.user = user;
        this.limits = limits;
    }

    Disk.User user() {
        return user;
    }

    boolean mayWrite() {
        return user.mode() != Disk.OpenMode.READ;
    }

    @Override
    public Disk disk() {
        return disk;
    }

    @Override
    public java.nio.channels.SeekableByteChannel channel() {
        throw new UnsupportedOperationException("a disk is no channel yet");
    }

    @Override
    public BlockIdentity identity() {
        return disk.identity();
    }

    @Override
    public int blockSize() {
        return disk.blockSize();
    }

    @Override
    public long totalBlocks() {
        return disk.totalBlocks();
    }

    @Override
    public BlockLimits limits() {
        return limits;
    }

    @Override
    public void readBlock(long lba, MemorySegment target) {
        Backend backend = backend();
        plain(BlockOp.READ, lba, target.byteSize(), () -> backend.device().readBlock(lba, target));
    }

    @Override
    public void writeBlock(long lba, MemorySegment source) {
        if (!mayWrite()) {
            throw new BlockException(
                    disk.name() + " is open for reading only by " + user.name(),
                    BlockStatus.READ_ONLY);
        }
        Backend backend = backend();
        plain(
                BlockOp.WRITE,
                lba,
                source.byteSize(),
                () -> backend.device().writeBlock(lba, source));
    }

    @Override
    public void flush() {
        Backend backend = backend();
        plain(BlockOp.FLUSH, 0, 0, () -> backend.device().flush());
    }

    private void plain(int op, long lba, long bytes, Runnable call) {
        long total = disk.totalBlocks();
        long blocks = bytes / disk.blockSize();
        if (lba < 0 || blocks > total || lba > total - blocks) {
            throw new BlockException(
                    BlockOp.name(op)
                            + " of blocks "
                            + lba
                            + " to "
                            + (lba + blocks)
                            + " of the "
                            + total
                            + " of "
                            + disk.name(),
                    BlockStatus.OUT_OF_RANGE);
        }
        int status = BlockStatus.IO_ERROR;
        try {
            call.run();
            status = BlockStatus.OK;
        } finally {
            disk.counters().ended(op, bytes, status);
        }
    }

    @Override
    public BlockQueue openQueue(QueueOptions options) {
        Backend backend = backend();
        Object pool = backend.pool();
        BlockQueue inner = backend.device().openQueue(options);
        DiskQueue queue = new DiskQueue(this, disk.counters(), backend.device(), inner, pool);
        synchronized (queues) {
            if (!closed) {
                queues.add(queue);
                return queue;
            }
        }
        queue.close();
        throw closedAlready();
    }

    void closed(DiskQueue queue) {
        synchronized (queues) {
            queues.remove(queue);
        }
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        return backend().device().allocate(bytes);
    }

    private Backend backend() {
        if (closed) {
            throw closedAlready();
        }
        return disk.backend();
    }

    private IllegalStateException closedAlready() {
        return new IllegalStateException(disk.name() + " was closed by " + user.name());
    }

    @Override
    public void close() {
        List<DiskQueue> open;
        synchronized (queues) {
            if (closed) {
                return;
            }
            closed = true;
            open = List.copyOf(queues);
        }
        try {
            closeAll(open);
        } finally {
            disk.closed(this);
        }
    }

    /// Closes each, also when one of them fails; the first failure is thrown.
    private static void closeAll(List<DiskQueue> open) {
        DeviceException failure = null;
        for (DiskQueue queue : open) {
            try {
                queue.close();
            } catch (DeviceException e) {
                if (failure == null) {
                    failure = e;
                } else {
                    failure.addSuppressed(e);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public String toString() {
        return disk.name() + " opened by " + user.name();
    }
}
