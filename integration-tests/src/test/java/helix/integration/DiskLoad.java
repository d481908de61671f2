package helix.integration;

import helix.block.api.Disk;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import helix.integration.Ledger.Kind;
import helix.integration.Ledger.Request;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Verified load on a [Disk] in the same JVM. The first half of the disk is written and read all
/// the time; all of it holds stamped blocks from the beginning, so that no two blocks are alike.
final class DiskLoad implements AutoCloseable {
    private static final int DEPTH = 16;
    private static final Duration END_LIMIT = Duration.ofSeconds(40);

    private final Disk.Access access;
    private final BlockQueue queue;
    private final Ledger ledger;
    private final Workload workload;
    private final Slot[] slots = new Slot[DEPTH];
    private final Deque<Slot> free = new ArrayDeque<>();
    private final Thread owner;
    private volatile boolean stopping;
    private volatile @Nullable Throwable failure;

    private static final class Slot {
        final int index;
        final DmaBuffer buffer;
        Request request = new Request(Kind.FLUSH, 0, 0, 0);
        long began;

        Slot(int index, DmaBuffer buffer) {
            this.index = index;
            this.buffer = buffer;
        }
    }

    private DiskLoad(Disk disk, Ledger ledger, long seed) {
        this.access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "load");
        this.ledger = ledger;
        this.workload =
                new Workload(ledger, ledger.blocks() / 2, seed, access.limits().forceUnitAccess());
        fill();
        this.queue = access.openQueue(QueueOptions.interrupt(DEPTH));
        for (int i = 0; i < DEPTH; i++) {
            slots[i] = new Slot(i, access.allocate(Workload.MAX_BYTES));
            free.add(slots[i]);
        }
        owner = Thread.ofPlatform().name("load").unstarted(this::run);
    }

    /// Fills the disk and begins.
    static DiskLoad start(Disk disk, Ledger ledger, long seed) {
        DiskLoad load = new DiskLoad(disk, ledger, seed);
        load.owner.start();
        return load;
    }

    private void fill() {
        int count = Workload.MAX_BYTES / ledger.blockSize();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(Workload.MAX_BYTES);
            for (int first = 0; first < ledger.blocks(); first += count) {
                Request write = Objects.requireNonNull(ledger.begin(Kind.WRITE, first, count));
                ledger.stamp(write, data.asByteBuffer());
                access.writeBlock(first, data);
                ledger.ended(write, 0, data.asByteBuffer());
            }
        }
    }

    Workload workload() {
        return workload;
    }

    private void run() {
        try {
            while (!stopping || queue.inFlight() > 0) {
                if (!stopping) {
                    submit();
                }
                if (queue.poll(this::completed, DEPTH) == 0) {
                    queue.await(10_000_000);
                }
                if (!queue.isOpen()) {
                    throw new IllegalStateException("the disk's queue is over");
                }
            }
        } catch (RuntimeException | Error e) {
            failure = e;
        }
    }

    private void submit() {
        while (!free.isEmpty()) {
            Request request = workload.next();
            if (request == null) {
                break;
            }
            Slot slot = free.remove();
            slot.request = request;
            slot.began = System.nanoTime();
            if (!submit(slot, request)) {
                throw new IllegalStateException("not taken: " + request);
            }
        }
        queue.kick();
    }

    private boolean submit(Slot slot, Request request) {
        int first = request.first();
        int count = request.count();
        return switch (request.kind()) {
            case READ -> queue.submit(BlockOp.READ, 0, first, count, slot.buffer, 0, slot.index);
            case FLUSH -> queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, slot.index);
            case WRITE, WRITE_DURABLE -> {
                ledger.stamp(request, slot.buffer.segment().asByteBuffer());
                int flags = request.kind() == Kind.WRITE_DURABLE ? BlockOp.FUA : 0;
                yield queue.submit(BlockOp.WRITE, flags, first, count, slot.buffer, 0, slot.index);
            }
        };
    }

    private void completed(int tag, int status) {
        Slot slot = slots[tag];
        ledger.ended(slot.request, status, slot.buffer.segment().asByteBuffer());
        workload.took(slot.began);
        free.add(slot);
    }

    /// Waits until so many more requests have ended.
    void awaitMore(int requests, Duration limit) throws InterruptedException {
        long goal = workload.done() + requests;
        Platform.await(
                requests + " more requests",
                limit,
                () -> {
                    Throwable f = failure;
                    if (f != null) {
                        throw new AssertionError("the load has ended", f);
                    }
                    return workload.done() >= goal;
                });
    }

    /// Lets what is in flight end, and makes all of it durable.
    void finish() throws InterruptedException {
        stopping = true;
        owner.join(END_LIMIT);
        if (owner.isAlive() || failure != null) {
            throw new AssertionError("the load did not end", failure);
        }
        Request flush = Objects.requireNonNull(ledger.begin(Kind.FLUSH, 0, 0));
        access.flush();
        ledger.ended(flush, 0, MemorySegment.NULL.asByteBuffer());
    }

    @Override
    public void close() {
        stopping = true;
        try {
            owner.join(END_LIMIT);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        queue.close();
        for (Slot slot : slots) {
            slot.buffer.close();
        }
        access.close();
    }
}
