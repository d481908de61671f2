package helix.block.internal;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.driver.kit.MemoryBlockDevice;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// A controller whose hardware queues outlive generations of its driver: a [Generation] gives its
/// queues numbers, by which the next adopts them with what is in flight.
///
/// Commands are performed when somebody polls, in random order; [#hold] lets them stay in flight. A
/// generation that was replaced notes who calls it all the same.
final class FakeController {
    static final int BLOCK = 512;
    private static final AtomicLong NUMBERS = new AtomicLong();
    private static final AtomicLong ADDRESSES = new AtomicLong(1L << 32);

    /// A command in a hardware queue.
    private record Command(
            long number, int op, long lba, int blocks, List<MemorySegment> pieces, int tag) {}

    private record Completion(int tag, int status) {}

    /// A hardware queue.
    private static final class Ring {
        final List<Command> inFlight = new ArrayList<>();
        final Deque<Completion> completions = new ArrayDeque<>();

        /// Submitted and not shown to the controller, where that makes a difference.
        final List<Command> unshown = new ArrayList<>();

        void show() {
            inFlight.addAll(unshown);
            unshown.clear();
        }
    }

    final Object pool = new Object();
    final MemorySegment contents;
    final List<String> violations = new ArrayList<>();
    final List<String> performed = new ArrayList<>();
    private final BlockLimits limits;
    private final BlockIdentity identity;
    private final Map<Long, Ring> rings = new HashMap<>();
    private final SplittableRandom random;
    private final long blocks;
    private int queueLimit;
    private long handles;
    private boolean held;
    private boolean recording;
    private int failure;
    private boolean doorbells;
    private int freed;

    /// How many buffers were given.
    final AtomicInteger given = new AtomicInteger();

    FakeController(long blocks, int queues, long seed) {
        this(blocks, queues, seed, "S1");
    }

    FakeController(long blocks, int queues, long seed, String serial) {
        identity = new BlockIdentity("FAKE", serial, "1", 1, "");
        this.blocks = blocks;
        queueLimit = queues;
        random = new SplittableRandom(seed);
        contents = Arena.ofAuto().allocate(blocks * BLOCK, 4096);
        BlockLimits most = MemoryBlockDevice.defaultLimits(BLOCK);
        limits =
                new BlockLimits(
                        most.maxTransferBytes(),
                        8,
                        512,
                        queues,
                        most.maxQueueDepth(),
                        most.operations(),
                        true,
                        true,
                        most.maxDiscardBlocks());
    }

    /// Leaves commands in flight, or not any more.
    synchronized void hold(boolean on) {
        held = on;
    }

    /// Commands that are performed end with that status all the same.
    synchronized void fail(int status) {
        failure = status;
    }

    /// Commands are not seen before somebody kicks.
    synchronized void needKicks() {
        doorbells = true;
    }

    /// How many buffers were given back.
    synchronized int freed() {
        return freed;
    }

    private synchronized void free() {
        freed++;
    }

    /// Notes what is performed, as `write 3+2`.
    synchronized void record() {
        recording = true;
        performed.clear();
    }

    synchronized int inFlight() {
        return rings.values().stream().mapToInt(ring -> ring.inFlight.size()).sum();
    }

    synchronized byte at(long lba) {
        return contents.get(java.lang.foreign.ValueLayout.JAVA_BYTE, lba * BLOCK);
    }

    /// How many queues generations have from now on.
    synchronized void limitQueues(int most) {
        queueLimit = most;
    }

    private static void throwUnchecked(Throwable e) {
        if (e instanceof Error error) {
            throw error;
        }
        throw (RuntimeException) e;
    }

    Generation generation() {
        return new Generation();
    }

    private void violation(String what) {
        synchronized (violations) {
            violations.add(what);
        }
    }

    private synchronized void perform(Ring ring, Command command) {
        ring.inFlight.remove(command);
        if (recording) {
            performed.add(BlockOp.name(command.op) + " " + command.lba + "+" + command.blocks);
        }
        long at = command.lba * BLOCK;
        int status = failure;
        switch (command.op) {
            case BlockOp.READ -> {
                for (MemorySegment piece : command.pieces) {
                    MemorySegment.copy(contents, at, piece, 0, piece.byteSize());
                    at += piece.byteSize();
                }
            }
            case BlockOp.WRITE -> {
                for (MemorySegment piece : command.pieces) {
                    MemorySegment.copy(piece, 0, contents, at, piece.byteSize());
                    at += piece.byteSize();
                }
            }
            case BlockOp.DISCARD, BlockOp.WRITE_ZEROES ->
                    contents.asSlice(at, (long) command.blocks * BLOCK).fill((byte) 0);
            default -> {}
        }
        ring.completions.add(new Completion(command.tag, status));
    }

    /// Performs one of the commands with that tag's operation and block, though commands are held.
    synchronized boolean performOne(int op, long lba) {
        for (Ring ring : rings.values()) {
            for (Command command : ring.inFlight) {
                if (command.op == op && command.lba == lba) {
                    perform(ring, command);
                    return true;
                }
            }
        }
        return false;
    }

    /// Performs the last command of that operation and block, though commands are held.
    synchronized void performLast(int op, long lba) {
        Ring last = null;
        Command found = null;
        for (Ring ring : rings.values()) {
            for (Command command : ring.inFlight) {
                if (command.op == op
                        && command.lba == lba
                        && (found == null || command.number > found.number)) {
                    last = ring;
                    found = command;
                }
            }
        }
        if (last == null || found == null) {
            throw new IllegalStateException("no such command is in flight");
        }
        perform(last, found);
    }

    /// Resets the controller without an end of the driver's generation.
    synchronized void abort() {
        for (Ring ring : rings.values()) {
            for (Command command : ring.inFlight) {
                ring.completions.add(new Completion(command.tag, BlockStatus.ABORTED));
            }
            ring.inFlight.clear();
        }
    }

    /// What has happened and was not told stays untold: it ends with the reset.
    synchronized void forgetCompletions() {
        for (Ring ring : rings.values()) {
            List<Completion> untold = List.copyOf(ring.completions);
            ring.completions.clear();
            for (Completion each : untold) {
                ring.completions.add(new Completion(each.tag, BlockStatus.GENERATION_GONE));
            }
        }
    }

    /// Resets the controller: some of what is in flight happened just before, nothing more will.
    synchronized void reset(boolean someHappened) {
        for (Ring ring : rings.values()) {
            for (Command command : List.copyOf(ring.inFlight)) {
                if (someHappened && random.nextBoolean()) {
                    perform(ring, command);
                    // Happened, but nobody was told.
                    ring.completions.removeLast();
                    ring.completions.add(new Completion(command.tag, BlockStatus.GENERATION_GONE));
                }
            }
            for (Command command : ring.inFlight) {
                ring.completions.add(new Completion(command.tag, BlockStatus.GENERATION_GONE));
            }
            ring.inFlight.clear();
        }
        // Nobody finds them by their numbers any more.
        rings.clear();
    }

    /// One generation of the driver.
    final class Generation implements BlockDevice {
        private final List<Queue> queues = new ArrayList<>();
        private volatile boolean passed;
        private volatile boolean ended;
        private volatile @Nullable CountDownLatch stuck;
        private final CountDownLatch entered = new CountDownLatch(1);
        private int open;

        /// Whether adoption tells a wrong number of requests in flight.
        volatile boolean miscounts;

        /// What reads give beside what is there.
        volatile int corruption;

        /// Called once, before the next memory is given.
        volatile @Nullable Runnable beforeAllocate;

        /// Comes before a kick is carried out.
        volatile @Nullable Runnable beforeKick;

        /// What is thrown for queues and memory, as by handles of a lease that is over.
        volatile @Nullable RuntimeException over;

        /// What is thrown when a queue is closed.
        volatile @Nullable Throwable failsClose;

        /// What is thrown when a queue is adopted.
        volatile @Nullable RuntimeException failsAdopt;

        /// Whether the controller does not forget queues that are closed.
        volatile boolean keepsQueues;

        /// Whether there is memory for one block alone once, and no more.
        volatile boolean scarce;

        /// Whether queues have no room for anything.
        volatile boolean roomless;

        private boolean probed;

        /// What memory is carved from.
        volatile Object ownPool = pool;

        /// Called once, before the next queue is opened.
        volatile @Nullable Runnable beforeOpen;

        /// Called once, after the next queue was opened and before anybody has it.
        volatile @Nullable Runnable afterOpen;

        /// Called once, after the next queue was refused.
        volatile @Nullable Runnable afterRefusal;

        /// Called once, before the next queue is closed.
        volatile @Nullable Runnable beforeClose;

        @Override
        public BlockIdentity identity() {
            return identity;
        }

        @Override
        public int blockSize() {
            return BLOCK;
        }

        @Override
        public long totalBlocks() {
            return blocks;
        }

        @Override
        public BlockLimits limits() {
            return limits;
        }

        @Override
        public void readBlock(long lba, MemorySegment target) {
            // Without the lock, which clients would keep from a verification for long.
            MemorySegment.copy(contents, lba * BLOCK, target, 0, target.byteSize());
            if (corruption != 0) {
                target.set(java.lang.foreign.ValueLayout.JAVA_BYTE, 9, (byte) corruption);
            }
        }

        private void checkOver() {
            RuntimeException e = over;
            if (e != null) {
                throw e;
            }
        }

        @Override
        public BlockQueue openQueue(QueueOptions options) {
            checkOver();
            Runnable first = beforeOpen;
            beforeOpen = null;
            if (first != null) {
                first.run();
            }
            if (passed) {
                violation("openQueue of a generation that was passed on");
            }
            Queue queue = tryOpen(options.depth());
            Runnable then = queue == null ? afterRefusal : afterOpen;
            if (queue == null) {
                afterRefusal = null;
            } else {
                afterOpen = null;
            }
            if (then != null) {
                then.run();
            }
            if (queue == null) {
                throw new BlockException("all queues are open", BlockStatus.NO_QUEUE);
            }
            return queue;
        }

        private @Nullable Queue tryOpen(int depth) {
            synchronized (FakeController.this) {
                if (open >= queueLimit) {
                    return null;
                }
                open++;
                long handle = ++handles;
                rings.put(handle, new Ring());
                return add(new Queue(this, handle, depth));
            }
        }

        @Override
        public @Nullable BlockQueue adoptQueue(long handle) {
            RuntimeException e = failsAdopt;
            if (e != null) {
                throw e;
            }
            synchronized (FakeController.this) {
                if (!rings.containsKey(handle)) {
                    return null;
                }
                open++;
                return add(new Queue(this, handle, 256));
            }
        }

        private Queue add(Queue queue) {
            queues.add(queue);
            return queue;
        }

        @Override
        public DmaBuffer allocate(long bytes) {
            checkOver();
            Runnable first = beforeAllocate;
            beforeAllocate = null;
            if (first != null) {
                first.run();
            }
            if (scarce && probed) {
                throw new DeviceException("no DMA memory");
            }
            probed = true;
            given.incrementAndGet();
            MemorySegment memory = Arena.ofAuto().allocate(bytes, 4096);
            long address = ADDRESSES.getAndAdd((bytes + 8191) & -4096);
            return new DmaBuffer(memory, address, ownPool, ignored -> free());
        }

        /// Hands all over to the next generation.
        void pass() {
            passed = true;
        }

        /// Ends; the controller is reset, and some of what is in flight has happened.
        void crash() {
            synchronized (FakeController.this) {
                reset(true);
                ended = true;
            }
            queues.forEach(Queue::wake);
        }

        /// The driver is gone and nobody has reset the device.
        void vanish() {
            ended = true;
        }

        /// The next poll, and no other, does not come back until it is released.
        CountDownLatch hang() {
            CountDownLatch latch = new CountDownLatch(1);
            stuck = latch;
            return latch;
        }

        boolean awaitHanging() throws InterruptedException {
            return entered.await(10, TimeUnit.SECONDS);
        }

        private void hangIfTold() {
            CountDownLatch latch;
            synchronized (this) {
                latch = stuck;
                stuck = null;
            }
            if (latch != null) {
                entered.countDown();
                try {
                    if (!latch.await(60, TimeUnit.SECONDS)) {
                        violation("hung for good");
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        }
    }

    /// One generation's view of a hardware queue.
    private final class Queue implements BlockQueue {
        private final Generation generation;
        private final long handle;
        private final Ring ring;
        private final int depth;
        private volatile boolean closed;
        private volatile @Nullable Thread waiter;
        private volatile boolean woken;
        private boolean hung;

        Queue(Generation generation, long handle, int depth) {
            this.generation = generation;
            this.handle = handle;
            this.depth = depth;
            ring = java.util.Objects.requireNonNull(rings.get(handle));
        }

        private void check(String call) {
            if (generation.passed && !hung) {
                violation(call + " at a generation that was passed on");
            }
        }

        @Override
        public int depth() {
            return depth;
        }

        @Override
        public int inFlight() {
            synchronized (FakeController.this) {
                if (closed && !rings.containsKey(handle)) {
                    return 0;
                }
                return ring.inFlight.size()
                        + ring.unshown.size()
                        + ring.completions.size()
                        + (generation.miscounts ? 1 : 0);
            }
        }

        @Override
        public boolean submit(
                int op,
                int flags,
                long lba,
                int count,
                @Nullable DmaBuffer buffer,
                long offset,
                int tag) {
            if (buffer != null) {
                hold(buffer);
            }
            List<MemorySegment> pieces =
                    buffer == null
                            ? List.of()
                            : List.of(buffer.segment().asSlice(offset, (long) count * BLOCK));
            return submit(new Command(NUMBERS.incrementAndGet(), op, lba, count, pieces, tag));
        }

        @Override
        public boolean submit(int op, int flags, long lba, int count, ScatterList list, int tag) {
            List<MemorySegment> pieces = new ArrayList<>();
            for (int i = 0; i < list.size(); i++) {
                hold(list.buffer(i));
                pieces.add(list.buffer(i).segment().asSlice(list.offset(i), list.length(i)));
            }
            return submit(new Command(NUMBERS.incrementAndGet(), op, lba, count, pieces, tag));
        }

        /// As drivers do. The memory is there until the request ends, since its client holds it.
        private static void hold(DmaBuffer buffer) {
            buffer.hold();
            buffer.drop();
        }

        private boolean submit(Command command) {
            check("submit");
            synchronized (FakeController.this) {
                if (!isOpen()
                        || generation.roomless
                        || ring.inFlight.size() + ring.completions.size() >= depth) {
                    return false;
                }
                (doorbells ? ring.unshown : ring.inFlight).add(command);
                return true;
            }
        }

        @Override
        public void kick() {
            check("kick");
            Runnable first = generation.beforeKick;
            generation.beforeKick = null;
            if (first != null) {
                first.run();
            }
            synchronized (FakeController.this) {
                ring.show();
            }
        }

        @Override
        public int poll(CompletionHandler handler, int max) {
            check("poll");
            if (generation.stuck != null) {
                hung = true;
                generation.hangIfTold();
            }
            int taken = 0;
            while (taken < max) {
                Completion completion;
                synchronized (FakeController.this) {
                    if (!held && !generation.ended && !ring.inFlight.isEmpty()) {
                        perform(ring, ring.inFlight.get(random.nextInt(ring.inFlight.size())));
                    }
                    completion = ring.completions.poll();
                }
                if (completion == null) {
                    break;
                }
                taken++;
                handler.completed(completion.tag, completion.status);
            }
            return taken;
        }

        @Override
        public boolean await(long nanos) {
            check("await");
            synchronized (FakeController.this) {
                ring.show();
            }
            long end = System.nanoTime() + nanos;
            waiter = Thread.currentThread();
            try {
                while (!woken) {
                    synchronized (FakeController.this) {
                        if (!ring.completions.isEmpty() || (!held && !ring.inFlight.isEmpty())) {
                            return true;
                        }
                    }
                    long left = end - System.nanoTime();
                    if (left <= 0) {
                        return false;
                    }
                    LockSupport.parkNanos(this, Math.min(left, 1_000_000));
                }
                return false;
            } finally {
                waiter = null;
                woken = false;
            }
        }

        @Override
        public void wake() {
            woken = true;
            Thread thread = waiter;
            if (thread != null) {
                LockSupport.unpark(thread);
            }
        }

        @Override
        public long handle() {
            check("handle");
            return handle;
        }

        @Override
        public boolean isOpen() {
            return !closed && !generation.passed && !generation.ended;
        }

        @Override
        public void close() {
            if (closed) {
                return;
            }
            closed = true;
            Runnable first = generation.beforeClose;
            generation.beforeClose = null;
            if (first != null) {
                first.run();
            }
            Throwable e = generation.failsClose;
            if (e != null) {
                FakeController.throwUnchecked(e);
            }
            synchronized (FakeController.this) {
                generation.open--;
                if (!generation.passed && !generation.keepsQueues) {
                    rings.remove(handle);
                }
            }
        }
    }
}
