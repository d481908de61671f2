package helix.integration;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import helix.block.api.Disk;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;

/// A disk's client: a write by a queue, and a read by a call that waits.
final class FaultedDisk implements FaultRun.Client {
    static final String WORKS = "write succeeds, read succeeds, same bytes";
    private static final int BYTES = 4096;
    private static final long NAP_NANOS = 100_000_000;

    /// Longer than any fault takes: the test has the limits.
    private static final long LIMIT_NANOS = Duration.ofSeconds(40).toNanos();

    private static final int NEVER = -1;

    private final Disk disk;
    private final Disk.Access access;
    private final BlockQueue queue;
    private final DmaBuffer buffer;
    private final String device;
    private int pattern;
    private int status;

    FaultedDisk(Disk disk) {
        this.disk = disk;
        device = disk.backing().orElseThrow().device();
        access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "faults");
        try {
            queue = access.openQueue(QueueOptions.interrupt(4));
            buffer = access.allocate(BYTES);
        } catch (RuntimeException e) {
            access.close();
            throw e;
        }
        pattern = (int) disk.statistics().writes() + 1;
    }

    @Override
    public String request() {
        pattern++;
        String write = write();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment back = arena.allocate(BYTES, 8);
            String read;
            try {
                access.readBlock(0, back);
                read = "succeeds" + (isWritten(back) ? ", same bytes" : "");
            } catch (BlockException e) {
                read = "fails: " + BlockStatus.text(e.status());
            } catch (DeviceGoneException e) {
                read = "fails: " + BlockStatus.text(BlockStatus.DEVICE_GONE);
            }
            return "write " + write + ", read " + read;
        }
    }

    private String write() {
        for (int i = 0; i < BYTES; i++) {
            buffer.segment().set(JAVA_BYTE, i, (byte) (i * 31 + pattern));
        }
        status = NEVER;
        int blocks = BYTES / access.blockSize();
        if (!queue.submit(BlockOp.WRITE, 0, 0, blocks, buffer, 0, 1)) {
            return "is not taken";
        }
        queue.kick();
        long end = System.nanoTime() + LIMIT_NANOS;
        while (status == NEVER && System.nanoTime() - end < 0) {
            if (queue.poll((_, how) -> status = how, 1) == 0) {
                boolean _ = queue.await(NAP_NANOS);
            }
        }
        return status == BlockStatus.OK
                ? "succeeds"
                : "fails: " + (status == NEVER ? "never" : BlockStatus.text(status));
    }

    private boolean isWritten(MemorySegment back) {
        for (int i = 0; i < BYTES; i++) {
            if (back.get(JAVA_BYTE, i) != (byte) (i * 31 + pattern)) {
                return false;
            }
        }
        return true;
    }

    @Override
    public boolean isPresent() {
        return disk.state() == Disk.State.PRESENT;
    }

    @Override
    public boolean isAbsent() {
        return disk.state() == Disk.State.ABSENT;
    }

    @Override
    public String device() {
        return disk.backing().map(Disk.Backing::device).orElse(device);
    }

    @Override
    public void close() {
        queue.close();
        buffer.close();
        access.close();
    }
}
