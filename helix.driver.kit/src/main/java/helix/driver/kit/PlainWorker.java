package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// A thread that writes and reads its own blocks with plain calls.
final class PlainWorker {
    private static final int ROUNDS = 20;
    private static final int BLOCKS = 4;
    private static final long LIMIT_MILLIS = 60_000;

    private final BlockDevice device;
    private final long lba;
    private final long seed;
    private final Thread thread;
    private volatile @Nullable Throwable failure;

    PlainWorker(BlockDevice device, long lba, long seed) {
        this.device = device;
        this.lba = lba;
        this.seed = seed;
        thread = Thread.ofPlatform().daemon().name("kit-plain-" + seed).unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    private void run() {
        try {
            int blockSize = device.blockSize();
            MemorySegment memory = MemorySegment.ofArray(new byte[BLOCKS * blockSize]);
            for (int i = 0; i < ROUNDS; i++) {
                Stamp.fill(memory, 0, blockSize, lba, BLOCKS, seed * 1000 + i);
                device.writeBlock(lba, memory);
                memory.fill((byte) 0);
                device.readBlock(lba, memory);
                Stamp.check(memory, 0, blockSize, lba, BLOCKS, seed * 1000 + i);
            }
        } catch (RuntimeException | AssertionError e) {
            failure = e;
        }
    }

    void finish() {
        try {
            thread.join(LIMIT_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
        Check.that(!thread.isAlive(), "a plain call did not return");
        Throwable thrown = failure;
        if (thrown != null) {
            throw new AssertionError("plain calls at block " + lba, thrown);
        }
    }
}
