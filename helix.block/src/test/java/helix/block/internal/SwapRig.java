package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.Disk;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.modules.api.reload.ReloadParticipant.Counts;
import helix.modules.api.reload.ReloadParticipant.Passage;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/// A disk over a [FakeController] whose driver can be replaced.
final class SwapRig {
    static final String SLOT = "0000:00:04.0";
    static final int BLOCK = FakeController.BLOCK;

    final FakeController controller;
    final Rig rig;
    final BlockReload reload;
    final StableDisk disk;
    final Disk.Access access;
    FakeController.Generation generation;
    Backend backend;

    /// How requests ended, by tag.
    final Map<Integer, Integer> ended = new LinkedHashMap<>();

    SwapRig(int queues) {
        this(queues, Duration.ofSeconds(30), 1);
    }

    SwapRig(int queues, Duration park, long seed) {
        rig = new Rig(park);
        reload = new BlockReload(rig.table);
        controller = new FakeController(4096, queues, seed);
        generation = controller.generation();
        backend = rig.serve(generation, SLOT, "nvme0n1");
        disk = rig.published.getFirst();
        access = disk.open(Disk.OpenMode.WRITE_SHARED, "test");
    }

    static Deadline soon() {
        return Deadline.afterMillis(5_000);
    }

    BlockQueue queue(int depth) {
        return access.openQueue(QueueOptions.interrupt(depth));
    }

    /// Memory filled with a value.
    DmaBuffer filled(int blocks, int value) {
        DmaBuffer buffer = access.allocate((long) blocks * BLOCK);
        buffer.segment().fill((byte) value);
        return buffer;
    }

    void write(BlockQueue queue, long lba, int blocks, int value, int tag) {
        try (DmaBuffer buffer = filled(blocks, value)) {
            assertThat(queue.submit(BlockOp.WRITE, 0, lba, blocks, buffer, 0, tag)).isTrue();
        }
        queue.kick();
    }

    /// Makes a block zero, which takes no memory.
    void write0(BlockQueue queue, long lba, int tag) {
        assertThat(queue.submit(BlockOp.WRITE_ZEROES, 0, lba, 1, null, 0, tag)).isTrue();
        queue.kick();
    }

    /// Polls once.
    void poll(BlockQueue queue) {
        queue.poll((tag, status) -> assertThat(ended.put(tag, status)).isNull(), 64);
    }

    /// Polls until nothing is in flight.
    void finish(BlockQueue queue) {
        Deadline deadline = Deadline.afterMillis(10_000);
        while (queue.inFlight() > 0) {
            assertThat(deadline.isExpired()).as("in flight: %s", queue.inFlight()).isFalse();
            queue.await(1_000_000);
            poll(queue);
        }
    }

    /// The next generation serves, the one before is withdrawn.
    void serveNext() {
        Backend old = backend;
        generation = controller.generation();
        backend = rig.serve(generation, SLOT, "nvme0n1");
        rig.table.removed(old);
    }

    /// A replacement with everything handed over.
    Counts warm() {
        try (Passage passage = reload.begin(SLOT)) {
            assertThat(passage.park(soon())).isTrue();
            generation.pass();
            Backend old = backend;
            generation = controller.generation();
            backend = rig.serve(generation, SLOT, "nvme0n1");
            passage.verify(soon());
            Counts counts = passage.resume();
            rig.table.removed(old);
            return counts;
        }
    }

    /// A replacement with a reset in between.
    Counts cold() {
        try (Passage passage = reload.begin(SLOT)) {
            assertThat(passage.park(soon())).isTrue();
            generation.crash();
            rig.table.removed(backend);
            generation = controller.generation();
            backend = rig.serve(generation, SLOT, "nvme0n1");
            passage.verify(soon());
            return passage.resume();
        }
    }

    /// The driver crashes, and its device is served again at once.
    void crash() {
        generation.crash();
        rig.table.removed(backend);
        generation = controller.generation();
        backend = rig.serve(generation, SLOT, "nvme0n1");
    }
}
