package helix.driver.net.virtio;

import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import helix.driver.api.net.NetworkStatistics;
import helix.hal.api.DeviceException;
import helix.virtio.VirtioFeature;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Which of the device's rings are used by whom, and what becomes of their frames when the use
/// ends.
///
/// A ring whose user is done with it must be free of the user's frames. What is being sent goes
/// away by itself. What waits to be received into does not: a device with RING_RESET resets that
/// ring alone; another is reset when its last queue is closed, and until then such a ring stays
/// with the frames of its last user.
@SuppressWarnings("ReferenceEquality") // queues and pools are themselves, whatever they hold
final class Queues {
    private static final long DRAIN_NANOS = 100_000_000;

    private final Adapter adapter;
    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicReferenceArray<@Nullable DeviceQueue> users;

    /// Queues that passed from the generation before and wait for their clients, by ring.
    private final @Nullable QueueState[] passed;

    private final List<DeviceQueue> retired = new ArrayList<>();

    /// Of queues that are closed: frames, bytes, errors, no buffer; then frames, bytes, errors.
    private final long[] past = new long[7];

    Queues(Adapter adapter) {
        this.adapter = adapter;
        int count = adapter.limits().rxQueues() + adapter.limits().txQueues();
        users = new AtomicReferenceArray<>(count);
        passed = new QueueState[count];
    }

    // ---- Opening

    ReceiveQueue openRx(NetQueueOptions options, FramePool pool) {
        boolean mergeable = adapter.has(NetFeature.MRG_RXBUF);
        int least = mergeable ? 2 * NetHeader.BYTES : adapter.limits().maxFrame();
        if (pool.capacity() < least) {
            throw new IllegalArgumentException(
                    "%s: frames of %d bytes to receive into, of at least %d"
                            .formatted(adapter.name(), pool.capacity(), least));
        }
        ReceiveQueue queue =
                open(2 * options.index(), options, pool, s -> new ReceiveQueue(adapter, s, pool));
        queue.begin();
        return queue;
    }

    TransmitQueue openTx(NetQueueOptions options, FramePool pool) {
        TransmitQueue queue =
                open(
                        2 * options.index() + 1,
                        options,
                        pool,
                        s -> new TransmitQueue(adapter, s, pool));
        queue.begin();
        return queue;
    }

    private interface Maker<Q extends DeviceQueue> {
        Q make(DeviceQueue.Shape shape);
    }

    private <Q extends DeviceQueue> Q open(
            int ring, NetQueueOptions options, FramePool pool, Maker<Q> maker) {
        if (options.depth() < 1) {
            throw new IllegalArgumentException("a queue of depth " + options.depth());
        }
        if (!adapter.hal().reaches(pool.memory())) {
            throw new IllegalArgumentException(
                    adapter.name() + ": the device does not reach " + pool.memory());
        }
        if (options.index() < 0 || ring >= users.length()) {
            throw new NetworkException(
                    Reason.NO_QUEUE,
                    "%s: no queue %d of %d"
                            .formatted(adapter.name(), options.index(), users.length() / 2));
        }
        lock.lock();
        try {
            requireFree(ring, options.index());
            int depth = Math.min(options.depth(), adapter.ring(ring).shape().size());
            Q queue =
                    maker.make(
                            new DeviceQueue.Shape(
                                    ring, depth, options.interrupts(), options.passable()));
            users.set(ring, queue);
            try {
                adapter.usePairs(activePairs());
            } catch (NetworkException e) {
                users.set(ring, null);
                queue.end();
                queue.settle();
                throw e;
            }
            return queue;
        } finally {
            lock.unlock();
        }
    }

    private void requireFree(int ring, int index) {
        if (adapter.phase() != Adapter.Phase.RUNNING) {
            throw new NetworkException(
                    Reason.GENERATION_GONE,
                    "%s: the device is %s".formatted(adapter.name(), adapter.phase()));
        }
        DeviceQueue user = users.get(ring);
        if (user != null) {
            throw new NetworkException(
                    Reason.NO_QUEUE,
                    user.isClosed()
                            ? "%s: queue %d has frames of its last user until all queues are closed"
                                    .formatted(adapter.name(), index)
                            : "%s: queue %d is open already".formatted(adapter.name(), index));
        }
        if (passed[ring] != null) {
            // Nobody asked for it, so nobody will.
            if (!adapter.has(VirtioFeature.RING_RESET)) {
                throw new NetworkException(
                        Reason.NO_QUEUE,
                        "%s: queue %d has frames of the generation before"
                                .formatted(adapter.name(), index));
            }
            adapter.resetRing(ring);
            passed[ring] = null;
        }
    }

    private int activePairs() {
        int active = 1;
        for (int i = 0; i < users.length(); i++) {
            if (users.get(i) != null || passed[i] != null) {
                active = i / 2 + 1;
            }
        }
        return active;
    }

    // ---- Closing

    /// Ends the use of a ring, on the owner's thread.
    void close(DeviceQueue queue) {
        lock.lock();
        try {
            if (users.get(queue.index) != queue || queue.state() != DeviceQueue.OPEN) {
                remember(queue);
                return;
            }
            if (adapter.phase() == Adapter.Phase.RUNNING) {
                release(queue);
            }
        } catch (DeviceException | IllegalStateException e) {
            queue.lost(e);
        } finally {
            lock.unlock();
        }
    }

    private void release(DeviceQueue queue) {
        if (isDrained(queue)) {
            queue.end();
        } else if (adapter.has(VirtioFeature.RING_RESET)) {
            adapter.resetRing(queue.index);
            queue.end();
        } else {
            queue.lose();
            retired.add(queue);
            if (allClosed()) {
                adapter.restart(() -> endRetired(queue));
            }
            return;
        }
        remember(queue);
        if (!retired.isEmpty() && allClosed()) {
            adapter.restart(() -> endRetired(queue));
        }
        adapter.usePairs(activePairs());
    }

    private static boolean isDrained(DeviceQueue queue) {
        if (queue instanceof TransmitQueue sending) {
            long end = System.nanoTime() + DRAIN_NANOS;
            do {
                int _ = sending.reclaim();
                if (sending.inFlight() == 0) {
                    return true;
                }
                Thread.onSpinWait();
            } while (sending.state() == DeviceQueue.OPEN && System.nanoTime() - end < 0);
        }
        return queue.ownedCount() == 0 && adapterRingIsEmpty(queue);
    }

    private static boolean adapterRingIsEmpty(DeviceQueue queue) {
        return queue.state() == DeviceQueue.OPEN && queue.ring.inFlight() == 0;
    }

    private boolean allClosed() {
        for (int i = 0; i < users.length(); i++) {
            DeviceQueue user = users.get(i);
            if (passed[i] != null || (user != null && !user.isClosed())) {
                return false;
            }
        }
        return true;
    }

    /// The device confirmed its reset. Those of the pool whose owner is here get their frames at
    /// once, others when their owner looks.
    private void endRetired(DeviceQueue last) {
        for (DeviceQueue queue : retired) {
            queue.end();
            if (queue.pool == last.pool) {
                queue.settle();
            }
            remember(queue);
        }
        retired.clear();
    }

    /// The ring is free; what was counted stays.
    private void remember(DeviceQueue queue) {
        if (!users.compareAndSet(queue.index, queue, null)) {
            return;
        }
        add(past, queue);
    }

    private static void add(long[] sums, DeviceQueue queue) {
        if (queue instanceof ReceiveQueue rx) {
            sums[0] += rx.frames();
            sums[1] += rx.bytes();
            sums[2] += rx.errors();
            sums[3] += rx.noBuffer();
        } else if (queue instanceof TransmitQueue tx) {
            sums[4] += tx.frames();
            sums[5] += tx.bytes();
            sums[6] += tx.errors();
        }
    }

    NetworkStatistics statistics() {
        long[] sums;
        lock.lock();
        try {
            sums = past.clone();
            for (int i = 0; i < users.length(); i++) {
                DeviceQueue user = users.get(i);
                if (user != null) {
                    add(sums, user);
                }
            }
        } finally {
            lock.unlock();
        }
        return new NetworkStatistics(
                sums[0],
                sums[1],
                sums[2],
                sums[3],
                sums[4],
                sums[5],
                sums[6],
                adapter.interrupts().handled(),
                adapter.doorbells());
    }

    // ---- From outside

    /// An interrupt came.
    void signal(int vector) {
        for (int i = 0; i < users.length(); i++) {
            DeviceQueue user = users.get(i);
            if (user != null
                    && (vector == Interrupts.ALL
                            || adapter.interrupts().queueVector(i) == vector)) {
                user.signal();
            }
        }
    }

    private void each(Consumer<DeviceQueue> action) {
        for (int i = 0; i < users.length(); i++) {
            DeviceQueue user = users.get(i);
            if (user != null) {
                action.accept(user);
            }
        }
    }

    void loseAll() {
        each(queue -> {
            queue.lose();
            queue.wake();
        });
    }

    void endAll() {
        each(queue -> {
            queue.end();
            queue.wake();
        });
    }

    // ---- Hand-over

    /// Leaves the queues to the next generation, while nobody is inside any.
    ///
    /// @param save makes the state of the clients' queues the adapter's
    /// @return the state; empty if the device must be reset instead
    Optional<NetState> handOver(Function<List<QueueState>, NetState> save) {
        lock.lock();
        try {
            if (!retired.isEmpty() || !adapter.isSound() || !emptyOthers()) {
                return Optional.empty();
            }
            List<QueueState> states = new ArrayList<>();
            for (int i = 0; i < users.length(); i++) {
                DeviceQueue user = users.get(i);
                if (user != null) {
                    user.prepareToPass();
                    states.add(
                            user instanceof ReceiveQueue rx
                                    ? rx.save()
                                    : ((TransmitQueue) user).save());
                } else if (passed[i] != null) {
                    states.add(passed[i]);
                }
            }
            if (!adapter.isSound()) {
                return Optional.empty();
            }
            NetState state = save.apply(states);
            adapter.passOn();
            each(DeviceQueue::passOn);
            return Optional.of(state);
        } finally {
            lock.unlock();
        }
    }

    /// Queues that end with their generation have no frame in the device any more.
    private boolean emptyOthers() {
        for (int i = 0; i < users.length(); i++) {
            DeviceQueue user = users.get(i);
            if (user == null || user.handle() != 0) {
                continue;
            }
            if (!isDrained(user)) {
                if (!adapter.has(VirtioFeature.RING_RESET)) {
                    return false;
                }
                adapter.resetRing(i);
            }
            user.end();
            remember(user);
        }
        return true;
    }

    /// Has what the generation before left wait for its clients.
    void expect(List<QueueState> states) {
        for (QueueState state : states) {
            passed[state.index()] = state;
        }
    }

    /// How many queues nobody has asked for yet.
    int unclaimed() {
        int count = 0;
        for (QueueState state : passed) {
            count += state == null ? 0 : 1;
        }
        return count;
    }

    @Nullable DeviceQueue adopt(long handle, boolean receiving, FramePool pool) {
        int ring = (int) handle - 1;
        lock.lock();
        try {
            if (handle < 1 || handle > passed.length || ring % 2 == 0 != receiving) {
                return null;
            }
            QueueState state = passed[ring];
            if (state == null || users.get(ring) != null) {
                return null;
            }
            if (state.poolCount() != pool.count() || !adapter.hal().reaches(pool.memory())) {
                throw new IllegalArgumentException(
                        "%s: a pool of %d frames, not the queue's own of %d"
                                .formatted(adapter.name(), pool.count(), state.poolCount()));
            }
            DeviceQueue.Shape shape =
                    new DeviceQueue.Shape(ring, state.depth(), state.sleeps(), true);
            DeviceQueue queue;
            if (receiving) {
                ReceiveQueue rx = new ReceiveQueue(adapter, shape, pool);
                rx.restore(state);
                queue = rx;
            } else {
                TransmitQueue tx = new TransmitQueue(adapter, shape, pool);
                tx.restore(state);
                queue = tx;
            }
            passed[ring] = null;
            users.set(ring, queue);
            return queue;
        } finally {
            lock.unlock();
        }
    }
}
