package helix.hal.vhostuser;

import helix.hal.api.machine.MessageInterrupts;
import helix.posix.EventFd;
import java.util.BitSet;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/// The messages that MSI-X entries can be programmed with: one address, and the data is the number
/// of an eventfd. Whoever raises a vector signals that eventfd; nothing is written anywhere.
final class MessagePool implements MessageInterrupts {
    /// Where a PC's processors take messages.
    static final long ADDRESS = 0xFEE0_0000L;

    private static final int MESSAGES = 2048;

    private final EventFds eventFds;
    private final BitSet taken = new BitSet();
    private final AtomicReferenceArray<@Nullable EventFd> byData =
            new AtomicReferenceArray<>(MESSAGES);

    MessagePool(EventFds eventFds) {
        this.eventFds = eventFds;
    }

    /// The eventfd behind a message.
    ///
    /// @return null if that is nobody's message
    @Nullable EventFd find(long address, int data) {
        return address == ADDRESS && data >= 0 && data < MESSAGES ? byData.get(data) : null;
    }

    @Override
    public synchronized int available() {
        return MESSAGES - taken.cardinality();
    }

    @Override
    public synchronized Optional<Messages> allocate(int count) {
        if (count < 1 || count > MESSAGES) {
            return Optional.empty();
        }
        int step = Integer.highestOneBit(2 * count - 1);
        for (int first = 0; first + count <= MESSAGES; first += step) {
            int used = taken.nextSetBit(first);
            if (used < 0 || used >= first + count) {
                taken.set(first, first + count);
                for (int i = first; i < first + count; i++) {
                    byData.set(i, eventFds.take());
                }
                return Optional.of(new Taken(first, count));
            }
        }
        return Optional.empty();
    }

    private synchronized void free(int first, int count) {
        for (int i = first; i < first + count; i++) {
            EventFd eventFd = byData.getAndSet(i, null);
            if (eventFd != null) {
                eventFds.giveBack(eventFd);
            }
        }
        taken.clear(first, first + count);
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
            EventFd eventFd = byData.get(first + Objects.checkIndex(index, count));
            if (eventFd == null) {
                throw new IllegalStateException("message " + (first + index) + " was given back");
            }
            return eventFd.fd();
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
