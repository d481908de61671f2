package helix.driver.block.nvme;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// The only I/O queue pair of a controller, shared by one client and the plain calls. Each use
/// costs a lock; controllers with more pairs never come here.
@SuppressWarnings("ReferenceEquality") // ports are identities
final class SharedPair {
    static final int MAX_DEPTH = 64;
    private static final long NAP_NANOS = 1_000_000;
    private static final int SPINS = 64;

    private final ReentrantLock lock = new ReentrantLock();
    private final Pairs pairs;
    private @Nullable IoQueue queue;
    private @Nullable Port client;
    private @Nullable Port plain;

    // By internal tag.
    private final int[] free;
    private int freeCount;
    private final @Nullable Port[] ports;
    private final int[] tags;
    private final BlockQueue.CompletionHandler dispatcher = this::dispatch;

    SharedPair(Pairs pairs) {
        this.pairs = pairs;
        int depth = depth();
        free = new int[depth];
        ports = new @Nullable Port[depth];
        tags = new int[depth];
        freeCount = depth;
        for (int i = 0; i < depth; i++) {
            free[i] = i;
        }
    }

    private int depth() {
        return Math.min(MAX_DEPTH + PlainCalls.DEPTH, pairs.geometry().maxDepth());
    }

    /// Opens the client's port.
    BlockQueue openClient(Namespace namespace, int depth) {
        lock.lock();
        try {
            if (client != null) {
                throw new BlockException(
                        namespace.name() + ": all 1 queues for clients are open",
                        BlockStatus.NO_QUEUE);
            }
            Port port = new Port(namespace, Math.min(depth, Math.max(1, depth() - 1)));
            openQueue(namespace);
            client = port;
            return port;
        } finally {
            lock.unlock();
        }
    }

    /// Opens the port of the plain calls.
    BlockQueue openPlain(Namespace namespace) {
        lock.lock();
        try {
            openQueue(namespace);
            Port port = new Port(namespace, PlainCalls.DEPTH);
            plain = port;
            return port;
        } finally {
            lock.unlock();
        }
    }

    private void openQueue(Namespace namespace) {
        IoQueue old = queue;
        if (old != null && old.state() < QueueLife.ENDED) {
            return;
        }
        if (old != null) {
            replace(old);
        }
        IoQueue opened = pairs.open(namespace, QueueOptions.interrupt(depth()), false);
        opened.shared = this;
        queue = opened;
    }

    /// Gives up a pair that has ended; what was in flight ends at the ports, which end with it.
    private void replace(IoQueue old) {
        old.poll(dispatcher, Integer.MAX_VALUE);
        end(client);
        end(plain);
        queue = null;
        old.close();
        forget();
    }

    private static void end(@Nullable Port port) {
        if (port != null) {
            port.ended = true;
        }
    }

    /// Whether a port takes no more requests, because its pair has ended.
    boolean hasEnded(BlockQueue port) {
        lock.lock();
        try {
            IoQueue pair = queue;
            return ((Port) port).ended || pair == null || pair.state() >= QueueLife.ENDED;
        } finally {
            lock.unlock();
        }
    }

    void target(BlockQueue port, Namespace namespace) {
        ((Port) port).namespace = namespace;
    }

    /// Lets both waiters look again.
    void signal() {
        signal(client);
        signal(plain);
    }

    private static void signal(@Nullable Port port) {
        Thread sleeper = port == null ? null : port.waiter;
        if (sleeper != null) {
            LockSupport.unpark(sleeper);
        }
    }

    private void dispatch(int index, int status) {
        Port port = ports[index];
        ports[index] = null;
        free[freeCount++] = index;
        if (port != null) {
            port.push(tags[index], status);
        }
    }

    /// One user's side of the pair.
    private final class Port implements BlockQueue {
        private final int depth;
        private final int[] doneTags;
        private final int[] doneStatuses;
        private int doneFirst;
        private int doneCount;
        private int inFlight;
        private Namespace namespace;
        private boolean closed;

        /// Its pair was replaced.
        private volatile boolean ended;

        private volatile @Nullable Thread waiter;

        /// Set by [#wake], cleared by the wait that it ended.
        private volatile boolean roused;

        Port(Namespace namespace, int depth) {
            this.namespace = namespace;
            this.depth = depth;
            doneTags = new int[depth];
            doneStatuses = new int[depth];
        }

        private void push(int tag, int status) {
            int at = (doneFirst + doneCount++) % depth;
            doneTags[at] = tag;
            doneStatuses[at] = status;
            Thread sleeper = waiter;
            if (sleeper != null && sleeper != Thread.currentThread()) {
                LockSupport.unpark(sleeper);
            }
        }

        @Override
        public int depth() {
            return depth;
        }

        @Override
        public int inFlight() {
            return inFlight;
        }

        @Override
        public boolean isOpen() {
            IoQueue pair = queue;
            return !closed && !ended && pair != null && pair.isOpen() && namespace.isPresent();
        }

        @Override
        public boolean submit(
                int op,
                int flags,
                long lba,
                int blocks,
                @Nullable DmaBuffer buffer,
                long offset,
                int tag) {
            lock.lock();
            try {
                IoQueue pair = take(tag);
                return pair != null
                        && settle(pair.submit(op, flags, lba, blocks, buffer, offset, top()));
            } finally {
                lock.unlock();
            }
        }

        @Override
        public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
            lock.lock();
            try {
                IoQueue pair = take(tag);
                return pair != null && settle(pair.submit(op, flags, lba, blocks, list, top()));
            } finally {
                lock.unlock();
            }
        }

        private @Nullable IoQueue take(int tag) {
            IoQueue pair = queue;
            if (closed || ended || pair == null || freeCount == 0 || inFlight == depth) {
                return null;
            }
            pair.target(namespace);
            tags[top()] = tag;
            return pair;
        }

        private int top() {
            return free[freeCount - 1];
        }

        private boolean settle(boolean accepted) {
            if (accepted) {
                ports[free[--freeCount]] = this;
                inFlight++;
            }
            return accepted;
        }

        @Override
        public void kick() {
            lock.lock();
            try {
                IoQueue pair = queue;
                if (pair != null) {
                    pair.kick();
                }
            } finally {
                lock.unlock();
            }
        }

        @Override
        public int poll(CompletionHandler handler, int max) {
            int taken = 0;
            while (taken < max) {
                int tag;
                int status;
                lock.lock();
                try {
                    IoQueue pair = queue;
                    if (doneCount == 0 && pair != null) {
                        pair.poll(dispatcher, Integer.MAX_VALUE);
                    }
                    if (doneCount == 0) {
                        return taken;
                    }
                    tag = doneTags[doneFirst];
                    status = doneStatuses[doneFirst];
                    doneFirst = (doneFirst + 1) % depth;
                    doneCount--;
                    inFlight--;
                } finally {
                    lock.unlock();
                }
                taken++;
                handler.completed(tag, status);
            }
            return taken;
        }

        @Override
        public boolean await(long nanos) {
            kick();
            long end = System.nanoTime() + nanos;
            waiter = Thread.currentThread();
            try {
                for (int round = 0; ; round++) {
                    if (gather()) {
                        return true;
                    }
                    long left = end - System.nanoTime();
                    if (left <= 0 || closed || roused) {
                        roused = false;
                        return false;
                    }
                    if (round < SPINS) {
                        Thread.onSpinWait();
                    } else {
                        LockSupport.parkNanos(this, Math.min(left, NAP_NANOS));
                    }
                }
            } finally {
                waiter = null;
            }
        }

        @Override
        public void wake() {
            roused = true;
            SharedPair.signal(this);
        }

        private boolean gather() {
            lock.lock();
            try {
                IoQueue pair = queue;
                if (doneCount == 0 && pair != null) {
                    pair.poll(dispatcher, Integer.MAX_VALUE);
                }
                return doneCount > 0;
            } finally {
                lock.unlock();
            }
        }

        @Override
        public void close() {
            if (closed) {
                return;
            }
            long end = System.nanoTime() + 1_000_000_000L;
            while (inFlight > 0 && System.nanoTime() - end < 0) {
                if (poll((tag, status) -> {}, Integer.MAX_VALUE) == 0) {
                    await(NAP_NANOS);
                }
            }
            lock.lock();
            try {
                closed = true;
                if (client == this) {
                    client = null;
                }
                if (plain == this) {
                    plain = null;
                }
                for (int i = 0; i < ports.length; i++) {
                    // What is still in flight ends unheard; its tag comes free then.
                    if (ports[i] == this) {
                        ports[i] = null;
                    }
                }
                IoQueue pair = queue;
                if (pair != null && client == null && plain == null) {
                    queue = null;
                    pair.close();
                    forget();
                }
            } finally {
                lock.unlock();
            }
        }
    }

    private void forget() {
        freeCount = free.length;
        for (int i = 0; i < free.length; i++) {
            free[i] = i;
            ports[i] = null;
        }
    }
}
