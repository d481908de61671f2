package helix.hal.sim;

import helix.hal.api.machine.MessageInterrupts;
import helix.posix.EventFd;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/// The messages that MSI-X entries can be programmed with: one address, and the data is the number
/// of an eventfd.
final class MessagePool implements MessageInterrupts, AutoCloseable {
    /// Where a PC's processors take messages.
    static final long ADDRESS = 0xFEE0_0000L;

    private static final int MESSAGES = 2048;

    private final BitSet taken = new BitSet();
    private final Deque<EventFd> spare = new ArrayDeque<>();
    private final AtomicReferenceArray<@Nullable EventFd> byData =
            new AtomicReferenceArray<>(MESSAGES);

    /// Guarded by this.
    private boolean closed;

    /// Delivers a message.
    ///
    /// @return false if nobody takes that one
    boolean deliver(long address, int data) {
        EventFd event =
                address == ADDRESS && data >= 0 && data < MESSAGES ? byData.getAcquire(data) : null;
        if (event == null) {
            return false;
        }
        event.signal();
        return true;
    }

    @Override
    public synchronized int available() {
        return closed ? 0 : MESSAGES - taken.cardinality();
    }

    @Override
    public synchronized Optional<Messages> allocate(int count) {
        if (closed || count < 1 || count > MESSAGES) {
            return Optional.empty();
        }
        int step = Integer.highestOneBit(2 * count - 1);
        for (int first = 0; first + count <= MESSAGES; first += step) {
            int used = taken.nextSetBit(first);
            if (used < 0 || used >= first + count) {
                taken.set(first, first + count);
                for (int i = first; i < first + count; i++) {
                    byData.set(i, spare.isEmpty() ? EventFd.create() : spare.pop());
                }
                return Optional.of(new Taken(first, count));
            }
        }
        return Optional.empty();
    }

    private synchronized void free(int first, int count) {
        for (int i = first; i < first + count; i++) {
            EventFd event = byData.getAndSet(i, null);
            if (event == null) {
                continue;
            }
            if (closed) {
                event.close();
            } else {
                long _ = event.drain();
                spare.push(event);
            }
        }
        taken.clear(first, first + count);
    }

    /// The machine ends: nobody waits for a message any more.
    @Override
    public synchronized void close() {
        closed = true;
        spare.forEach(EventFd::close);
        spare.clear();
        for (int i = 0; i < MESSAGES; i++) {
            EventFd event = byData.getAndSet(i, null);
            if (event != null) {
                event.close();
            }
        }
    }

    private final class Taken implements Messages {
        private final int first;
        private final int count;
        private boolean open = true;

        Taken(int first, int count) {
            this.first = first;
            this.count = count;
        }

        @Override
        public long address() {
            return ADDRESS;
        }

        @Override
        public int data() {
            return first;
        }

        @Override
        public int eventFd(int index) {
            Objects.checkIndex(index, count);
            EventFd event = byData.get(first + index);
            if (event == null) {
                throw new IllegalStateException("message " + (first + index) + " was given back");
            }
            return event.fd();
        }

        @Override
        public void close() {
            synchronized (MessagePool.this) {
                if (open) {
                    open = false;
                    free(first, count);
                }
            }
        }
    }
}
