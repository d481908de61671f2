package helix.hal.api;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// A piece of memory with a device address. One address serves every device that reaches it.
///
/// A driver [holds][#hold()] a buffer while a device may write to it: from a request's submission
/// to its completion, or to a confirmed reset. Closing a buffer that is held takes effect when the
/// last hold is dropped.
///
/// Any thread may use it; access to the bytes is the callers' to order.
public final class DmaBuffer implements AutoCloseable {
    private static final VarHandle HOLDS;

    static {
        try {
            HOLDS = MethodHandles.lookup().findVarHandle(DmaBuffer.class, "holds", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /// Who takes the memory back.
    @FunctionalInterface
    public interface Owner {
        /// Takes the memory back; called once.
        ///
        /// @param buffer the buffer that nobody uses any more
        void free(DmaBuffer buffer);
    }

    private final MemorySegment segment;
    private final long address;
    private final Owner owner;
    private final Object pool;

    /// 1 for the allocation itself, and 1 for each hold.
    @SuppressWarnings("unused")
    private volatile int holds = 1;

    private volatile boolean closed;

    /// Makes a buffer. For the HAL.
    ///
    /// @param segment the bytes
    /// @param address the device address of the first byte
    /// @param pool what the memory belongs to: devices reach all of a pool or nothing
    /// @param owner who takes it back
    public DmaBuffer(MemorySegment segment, long address, Object pool, Owner owner) {
        this.segment = segment;
        this.address = address;
        this.pool = pool;
        this.owner = owner;
    }

    /// The bytes.
    ///
    /// @return native memory of [#size()] bytes
    public MemorySegment segment() {
        return segment;
    }

    /// The device address of the first byte; the rest follows without a gap.
    ///
    /// @return an address on the device's side of its IOMMU
    public long address() {
        return address;
    }

    /// The size.
    ///
    /// @return bytes
    public long size() {
        return segment.byteSize();
    }

    /// What the memory belongs to: a device reaches all buffers of a pool, or none of them.
    ///
    /// @return an identity to compare, nothing else
    public Object pool() {
        return pool;
    }

    /// Keeps the memory from being given back until a matching [#drop()]. While somebody holds a
    /// closed buffer it can be held again: its request may be submitted a second time.
    ///
    /// @throws IllegalStateException if the memory was given back
    public void hold() {
        int before = (int) HOLDS.getVolatile(this);
        while (true) {
            // With no hold left the memory may be somebody else's already: it is never revived.
            if (before <= 0) {
                throw new IllegalStateException("DMA buffer is closed");
            }
            int seen = (int) HOLDS.compareAndExchange(this, before, before + 1);
            if (seen == before) {
                return;
            }
            before = seen;
        }
    }

    /// Ends a [#hold()].
    public void drop() {
        int before = (int) HOLDS.getAndAdd(this, -1);
        if (before == 1) {
            owner.free(this);
        } else if (before <= 0) {
            throw new IllegalStateException("DMA buffer dropped more often than held");
        }
    }

    /// Whether [#close()] was called.
    ///
    /// @return true from then on
    public boolean isClosed() {
        return closed;
    }

    /// Gives the memory back, at once or when its last hold is dropped. A second call does nothing.
    @Override
    public void close() {
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
        }
        drop();
    }

    @Override
    public String toString() {
        return "DmaBuffer[0x" + Long.toHexString(address) + ", " + size() + " bytes]";
    }
}
