package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What queues promise: depth, tags, waiting, closing, and how many there are.
final class QueueCases {
    /// Opening more would only take time.
    private static final int MANY = 64;

    private static final long IDLE_WAIT_NANOS = 20_000_000;

    private final Cases cases;
    private final int blockSize;

    QueueCases(Cases cases) {
        this.cases = cases;
        blockSize = cases.blockSize();
    }

    void list() {
        cases.add("depth 1: one request at a time", this::depthOne);
        cases.add("a full queue takes nothing, and something again later", this::full);
        cases.addIo("tags come back as they were given, each once", this::tags);
        cases.addIo("poll takes no more than it is asked to", this::pollMax);
        cases.addIo("the handler may submit", this::submitInHandler);
        cases.addIo("memory closed in flight lasts to the end", this::closeBufferInFlight);
        cases.add("polled completion", d -> waits(d, QueueOptions.polled(8)));
        cases.add("interrupt completion", d -> waits(d, QueueOptions.interrupt(8)));
        cases.add("closing a queue with requests in flight", this::closeInFlight);
        cases.add("a closed queue takes nothing", this::closed);
        int queues = cases.limits().maxQueues();
        @Nullable String tooMany =
                queues > MANY ? "the device has " + queues + " queues, more than " + MANY : null;
        cases.add("as many queues as the limits say, then NO_QUEUE", tooMany, this::noQueue);
        cases.add("queues do not mix up their requests", this::manyQueues);
        cases.add(
                "plain calls by several threads",
                queues < 4 ? "the device has " + queues + " queues" : null,
                this::plainThreads);
    }

    private void depthOne(BlockDevice device) {
        try (Io io = new Io(device, QueueOptions.polled(1));
                DmaBuffer buffer = device.allocate(2L * blockSize)) {
            Check.equal(1, io.queue().depth(), "depth");
            for (int i = 0; i < 20; i++) {
                Stamp.fill(buffer.segment(), 0, blockSize, 100, 1, i);
                Check.that(io.offer(BlockOp.WRITE, 0, 100, 1, buffer, 0, 1), "not taken");
                Check.equal(1, io.queue().inFlight(), "in flight");
                Check.that(
                        !io.queue().submit(BlockOp.READ, 0, 0, 1, buffer, blockSize, 2),
                        "a second request was taken");
                io.drain();
                Check.ok(io.status(1), "write");
                io.checkStamped(100, 1, i);
            }
            io.settle();
        }
    }

    private void full(BlockDevice device) {
        try (Io io = new Io(device, QueueOptions.polled(8))) {
            int depth = io.queue().depth();
            Check.that(depth >= 1 && depth <= 8, "depth " + depth + " of the 8 asked for");
            try (DmaBuffer buffer = device.allocate((depth + 1L) * blockSize)) {
                for (int round = 0; round < 3; round++) {
                    for (int i = 0; i < depth; i++) {
                        Check.equal(i, io.queue().inFlight(), "in flight");
                        long offset = (long) i * blockSize;
                        Check.that(
                                io.offer(BlockOp.READ, 0, i, 1, buffer, offset, i),
                                "request " + i + " of " + depth + " was not taken");
                    }
                    Check.that(
                            !io.queue()
                                    .submit(
                                            BlockOp.READ,
                                            0,
                                            0,
                                            1,
                                            buffer,
                                            (long) depth * blockSize,
                                            depth),
                            "a full queue took a request");
                    Check.equal(depth, io.queue().inFlight(), "in flight when full");
                    io.drain();
                    Check.equal(0, io.queue().inFlight(), "in flight when drained");
                }
            }
            io.settle();
        }
    }

    private void tags(Io io) {
        int[] tags = {Integer.MIN_VALUE, -1, 0, 1, 0x55AA_1234, Integer.MAX_VALUE};
        Set<Integer> seen = new HashSet<>();
        BlockQueue queue = io.queue();
        try (DmaBuffer buffer = io.device().allocate(blockSize)) {
            Set<Integer> given = new HashSet<>();
            for (int i = 0; i < Math.min(tags.length, queue.depth()); i++) {
                Check.that(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, tags[i]), "not taken");
                given.add(tags[i]);
            }
            queue.kick();
            long end = System.nanoTime() + Io.LIMIT_NANOS;
            while (queue.inFlight() > 0 && System.nanoTime() - end < 0) {
                if (queue.await(IDLE_WAIT_NANOS)) {
                    queue.poll(
                            (tag, status) -> {
                                Check.ok(status, "read");
                                Check.that(seen.add(tag), "tag " + tag + " came twice");
                            },
                            tags.length);
                }
            }
            Check.that(seen.equals(given), "tags " + given + " came back as " + seen);
        }
    }

    private void pollMax(Io io) {
        BlockQueue queue = io.queue();
        int count = Math.min(4, queue.depth());
        int[] calls = new int[1];
        BlockQueue.CompletionHandler counter = (tag, status) -> calls[0]++;
        try (DmaBuffer buffer = io.device().allocate(blockSize)) {
            for (int i = 0; i < count; i++) {
                Check.that(queue.submit(BlockOp.READ, 0, i, 1, buffer, 0, i), "not taken");
            }
            queue.kick();
            int total = 0;
            long end = System.nanoTime() + Io.LIMIT_NANOS;
            while (total < count && System.nanoTime() - end < 0) {
                Check.equal(0, queue.poll(counter, 0), "completions taken of 0");
                int taken = queue.await(IDLE_WAIT_NANOS) ? queue.poll(counter, 1) : 0;
                Check.that(taken <= 1, taken + " completions taken of 1");
                total += taken;
                Check.equal(total, calls[0], "calls of the handler");
            }
            Check.equal(count, total, "completions");
        }
    }

    private void submitInHandler(Io io) {
        int[] left = {100};
        try (DmaBuffer buffer = io.device().allocate(blockSize)) {
            io.listen((tag, status) -> {
                Check.ok(status, "read");
                if (left[0]-- > 0) {
                    Check.that(
                            io.offer(BlockOp.READ, 0, left[0], 1, buffer, 0, tag),
                            "the handler's request was not taken");
                }
            });
            for (int i = 0; i < Math.min(4, io.queue().depth()); i++) {
                Check.that(io.offer(BlockOp.READ, 0, i, 1, buffer, 0, i), "not taken");
            }
            io.drain();
            Check.that(left[0] <= 0, left[0] + " requests left");
        }
    }

    private void closeBufferInFlight(Io io) {
        io.writeStamped(110, 4, 30);
        DmaBuffer buffer = io.device().allocate(4L * blockSize);
        Stamp.fill(buffer.segment(), 0, blockSize, 110, 4, 31);
        Check.that(io.offer(BlockOp.WRITE, 0, 110, 4, buffer, 0, 1), "not taken");
        buffer.close();
        io.drain();
        Check.ok(io.status(1), "write");
        io.checkStamped(110, 4, 31);
    }

    private void waits(BlockDevice device, QueueOptions options) {
        try (Io io = new Io(device, options);
                DmaBuffer buffer = device.allocate(blockSize)) {
            for (int i = 0; i < 20; i++) {
                idle(io);
                Stamp.fill(buffer.segment(), 0, blockSize, 120, 1, i);
                // Without a kick: await shows the device what was submitted.
                Check.that(io.offer(BlockOp.WRITE, 0, 120, 1, buffer, 0, 1), "not taken");
                Check.that(io.queue().await(Io.LIMIT_NANOS), "no completion in time");
                io.drain();
                Check.ok(io.status(1), "write");
                io.checkStamped(120, 1, i);
            }
            idle(io);
            io.settle();
        }
    }

    /// An idle queue waits its time. It may wake up early now and then, such as for a late
    /// interrupt of a completion that was polled before.
    private static void idle(Io io) {
        long end = System.nanoTime() + Io.LIMIT_NANOS;
        long nanos = IDLE_WAIT_NANOS / 20;
        long begin = System.nanoTime();
        while (io.queue().await(nanos)) {
            Check.equal(0, io.queue().poll((tag, status) -> {}, 1), "completions of nothing");
            Check.that(System.nanoTime() - end < 0, "an idle queue never waits");
            begin = System.nanoTime();
        }
        Check.that(System.nanoTime() - begin >= nanos, "await returned false before its time");
    }

    private void closeInFlight(BlockDevice device) {
        int count = Math.min(8, cases.limits().maxQueueDepth());
        try (Io io = new Io(device, QueueOptions.polled(4))) {
            io.writeStamped(130, count, 40);
        }
        DmaBuffer buffer = device.allocate((long) count * blockSize);
        Stamp.fill(buffer.segment(), 0, blockSize, 130, count, 41);
        Io closing = new Io(device, QueueOptions.interrupt(count));
        for (int i = 0; i < count; i++) {
            long offset = (long) i * blockSize;
            Check.that(closing.offer(BlockOp.WRITE, 0, 130 + i, 1, buffer, offset, i), "not taken");
        }
        closing.queue().kick();
        closing.close();
        // Whatever of it happens has happened: the memory may be used for something else.
        buffer.segment().fill((byte) 0x77);
        buffer.close();
        Check.that(!closing.queue().isOpen(), "open after close");
        try (Io io = new Io(device, QueueOptions.polled(4));
                DmaBuffer back = device.allocate((long) count * blockSize)) {
            io.transfer(BlockOp.READ, 130, count, back, 0);
            for (int i = 0; i < count; i++) {
                long at = (long) i * blockSize;
                boolean old = Stamp.has(back.segment(), at, blockSize, 130 + i, 40);
                boolean now = Stamp.has(back.segment(), at, blockSize, 130 + i, 41);
                Check.that(old || now, "block " + (130 + i) + " is neither old nor new");
            }
            io.settle();
        }
    }

    private void closed(BlockDevice device) {
        try (DmaBuffer buffer = device.allocate(blockSize)) {
            BlockQueue queue = device.openQueue(QueueOptions.polled(4));
            Check.that(queue.isOpen(), "not open when opened");
            queue.close();
            queue.close();
            Check.that(!queue.isOpen(), "open after close");
            Check.that(
                    !queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1),
                    "a closed queue took a request");
            Check.equal(
                    0,
                    queue.poll((tag, status) -> {}, 1),
                    "completions of a queue closed while idle");
        }
    }

    private void noQueue(BlockDevice device) {
        int most = cases.limits().maxQueues();
        List<Io> open = new ArrayList<>();
        try {
            for (int i = 0; i < most; i++) {
                open.add(new Io(device, QueueOptions.polled(2)));
            }
            BlockException e =
                    Check.fails(
                            "queue " + (most + 1) + " of " + most,
                            BlockStatus.NO_QUEUE,
                            () -> device.openQueue(QueueOptions.polled(2)).close());
            Check.that(
                    String.valueOf(e.getMessage()).contains(Integer.toString(most)),
                    "the message does not say how many queues there are: " + e.getMessage());
            open.removeLast().close();
            open.add(new Io(device, QueueOptions.polled(2)));
            for (Io io : open) {
                io.writeStamped(140, 1, 42);
                io.checkStamped(140, 1, 42);
                io.settle();
            }
        } finally {
            open.forEach(Io::close);
        }
    }

    private void manyQueues(BlockDevice device) {
        int count = Math.min(4, cases.limits().maxQueues());
        List<Io> open = new ArrayList<>();
        List<DmaBuffer> buffers = new ArrayList<>();
        try {
            for (int q = 0; q < count; q++) {
                open.add(
                        new Io(
                                device,
                                q % 2 == 0 ? QueueOptions.polled(8) : QueueOptions.interrupt(8)));
                buffers.add(device.allocate(8L * blockSize));
            }
            for (int round = 0; round < 8; round++) {
                for (int q = 0; q < count; q++) {
                    writeEach(open.get(q), buffers.get(q), 200 + 8L * q, round * 100 + q);
                }
                open.forEach(Io::drain);
                for (int q = 0; q < count; q++) {
                    // By another queue than the one that wrote.
                    open.get((q + 1) % count).checkStamped(200 + 8L * q, 8, round * 100 + q);
                }
            }
            open.forEach(Io::settle);
        } finally {
            open.forEach(Io::close);
            buffers.forEach(DmaBuffer::close);
        }
    }

    private void writeEach(Io io, DmaBuffer buffer, long lba, long seed) {
        Stamp.fill(buffer.segment(), 0, blockSize, lba, 8, seed);
        int depth = io.queue().depth();
        for (int i = 0; i < 8; i++) {
            if (i >= depth) {
                io.drain();
            }
            long offset = (long) i * blockSize;
            Check.that(io.offer(BlockOp.WRITE, 0, lba + i, 1, buffer, offset, i), "not taken");
        }
        io.queue().kick();
    }

    private void plainThreads(BlockDevice device) {
        PlainWorker[] workers = new PlainWorker[4];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new PlainWorker(device, 300 + 16L * i, i);
            workers[i].start();
        }
        for (PlainWorker worker : workers) {
            worker.finish();
        }
    }
}
