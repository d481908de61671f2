package helix.block.nbd.internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/// Hands requests from one thread to another, without a lock. Holds all requests of a connection,
/// so it is never full.
final class RequestRing {
    private static final VarHandle HEAD;
    private static final VarHandle TAIL;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            HEAD = lookup.findVarHandle(RequestRing.class, "head", int.class);
            TAIL = lookup.findVarHandle(RequestRing.class, "tail", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final @Nullable Request[] requests;
    private final int mask;

    /// Count of what was taken.
    @SuppressWarnings("unused")
    private volatile int head;

    /// Count of what was put.
    @SuppressWarnings("unused")
    private volatile int tail;

    /// @param capacity a power of two
    RequestRing(int capacity) {
        if (Integer.bitCount(capacity) != 1) {
            throw new IllegalArgumentException("ring of " + capacity);
        }
        requests = new Request[capacity];
        mask = capacity - 1;
    }

    /// Puts a request; the putting thread only. Volatile, so that a look at whether the other one
    /// sleeps, made after this, sees that it did when it has not seen this.
    void put(Request request) {
        int at = (int) TAIL.get(this);
        requests[at & mask] = request;
        TAIL.setVolatile(this, at + 1);
    }

    /// Takes the oldest; the taking thread only.
    ///
    /// @return null if there is none
    @Nullable Request take() {
        int at = (int) HEAD.get(this);
        if (at == (int) TAIL.getVolatile(this)) {
            return null;
        }
        Request request = requests[at & mask];
        HEAD.setRelease(this, at + 1);
        return request;
    }

    boolean isEmpty() {
        return (int) HEAD.getVolatile(this) == (int) TAIL.getVolatile(this);
    }
}
