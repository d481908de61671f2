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
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.MemorySegment;
import java.nio.channels.SeekableByteChannel;
import java.util.ArrayList;
import java.util.List;

/// A disk opened by one user. It and its queues outlive the drivers behind the disk.
final class DiskAccess implements Disk.Access {
    private final StableDisk disk;
    private final Disk.User user;
    private final BlockLimits limits;
    private final List<DiskQueue> queues = new ArrayList<>();
    private final PlainCalls plainCalls;
    private volatile boolean closed;

    DiskAccess(StableDisk disk, Disk.User user, BlockLimits limits) {
        this.disk = disk;
        this.user = user;
        this.limits = limits;
        plainCalls = new PlainCalls(this);
    }

    Disk.User user() {
        return user;
    }

    boolean mayWrite() {
        return user.mode() != Disk.OpenMode.READ;
    }

    @Override
    public StableDisk disk() {
        return disk;
    }

    @Override
    public SeekableByteChannel channel() {
        return new DiskChannel(this);
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
        plain(BlockOp.READ, lba, target);
    }

    @Override
    public void writeBlock(long lba, MemorySegment source) {
        if (!mayWrite()) {
            throw new BlockException(
                    disk.name() + " is open for reading only by " + user.name(),
                    BlockStatus.READ_ONLY);
        }
        plain(BlockOp.WRITE, lba, source);
    }

    @Override
    public void flush() {
        plain(BlockOp.FLUSH, 0, MemorySegment.NULL);
    }

    private void plain(int op, long lba, MemorySegment memory) {
        checkUsable();
        plainCalls.transfer(op, lba, memory);
    }

    @Override
    public BlockQueue openQueue(QueueOptions options) {
        DiskQueue queue = open(options);
        synchronized (queues) {
            if (!closed) {
                queues.add(queue);
                return queue;
            }
        }
        queue.close();
        throw closedAlready();
    }

    /// Opens a queue that ends with this or before.
    DiskQueue open(QueueOptions options) {
        checkUsable();
        if (options.depth() < 1) {
            throw new IllegalArgumentException("queue depth " + options.depth());
        }
        BlockLimits now = disk.limits();
        int depth = Math.min(options.depth(), now.maxQueueDepth());
        RequestCheck check = new RequestCheck(now, disk.blockSize());
        return disk.lanes().door().open(this, options, check, depth);
    }

    void closed(DiskQueue queue) {
        synchronized (queues) {
            queues.remove(queue);
        }
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        checkUsable();
        return disk.lanes().call(backend -> backend.device().allocate(bytes));
    }

    private void checkUsable() {
        if (closed) {
            throw closedAlready();
        }
        if (disk.state() == Disk.State.ABSENT) {
            throw new DeviceGoneException(disk.name() + " is absent");
        }
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
            plainCalls.close();
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
