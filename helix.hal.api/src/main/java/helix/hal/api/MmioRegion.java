package helix.hal.api;

import helix.hal.api.machine.BusAccess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The registers of a leased device: a base address register, memory or I/O, or a part of one.
///
/// The width is in the method's name and each call is exactly one bus access of that width (opaque
/// mode at least: no compiler merges, splits or drops it). Values are little endian. Offsets are in
/// bytes from the region's start and must be a multiple of the width.
///
/// Errors: `IndexOutOfBoundsException` outside the region, `IllegalArgumentException` for a
/// misaligned offset, `IllegalStateException` or [LeaseRevokedException] once the lease is revoked,
/// [DeviceGoneException] and [DeviceTimeoutException] where the machine answers so. A plain mapped
/// region cannot tell that a device is gone: it reads all ones.
///
/// Any thread may use it; order between threads is the caller's.
public final class MmioRegion {
    private static final VarHandle BYTE = handle(ValueLayout.JAVA_BYTE);
    private static final VarHandle SHORT = handle(ValueLayout.JAVA_SHORT);
    private static final VarHandle INT = handle(ValueLayout.JAVA_INT);
    private static final VarHandle LONG = handle(ValueLayout.JAVA_LONG);

    private final String name;
    private final long size;
    private final Lease lease;
    private final @Nullable MemorySegment mapped;
    private final @Nullable BusAccess access;
    private final long base;

    private static VarHandle handle(ValueLayout layout) {
        return layout.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    }

    private MmioRegion(
            String name,
            Lease lease,
            @Nullable MemorySegment mapped,
            @Nullable BusAccess access,
            long base,
            long size) {
        this.name = name;
        this.lease = lease;
        this.mapped = mapped;
        this.access = access;
        this.base = base;
        this.size = size;
    }

    /// A region over mapped registers. For the HAL.
    ///
    /// @param name what messages call it
    /// @param lease whose right it is
    /// @param mapped the registers, scoped to the lease
    /// @return the region
    public static MmioRegion ofMapped(String name, Lease lease, MemorySegment mapped) {
        return new MmioRegion(name, lease, mapped, null, 0, mapped.byteSize());
    }

    /// A region whose accesses are calls to the machine. For the HAL.
    ///
    /// @param name what messages call it
    /// @param lease whose right it is
    /// @param access the machine's memory or port space
    /// @param base the address of offset 0 there
    /// @param size the region's size in bytes
    /// @return the region
    public static MmioRegion ofAccess(
            String name, Lease lease, BusAccess access, long base, long size) {
        return new MmioRegion(name, lease, null, access, base, size);
    }

    /// A part of this region.
    ///
    /// @param offset where it begins
    /// @param length its size in bytes
    /// @return the part, whose offset 0 is this one's `offset`
    public MmioRegion slice(long offset, long length) {
        Objects.checkFromIndexSize(offset, length, size);
        return new MmioRegion(
                name,
                lease,
                mapped == null ? null : mapped.asSlice(offset, length),
                access,
                base + offset,
                length);
    }

    /// The region's size.
    ///
    /// @return bytes
    public long size() {
        return size;
    }

    /// Reads 8 bits.
    ///
    /// @param offset in bytes
    /// @return the value, zero-extended
    public int read8(long offset) {
        return mapped != null
                ? (byte) BYTE.getOpaque(mapped, offset) & 0xFF
                : bus(offset, 1).read8(base + offset) & 0xFF;
    }

    /// Reads 16 bits.
    ///
    /// @param offset in bytes, a multiple of 2
    /// @return the value, zero-extended
    public int read16(long offset) {
        return mapped != null
                ? (short) SHORT.getOpaque(mapped, offset) & 0xFFFF
                : bus(offset, 2).read16(base + offset) & 0xFFFF;
    }

    /// Reads 32 bits.
    ///
    /// @param offset in bytes, a multiple of 4
    /// @return the value
    public int read32(long offset) {
        return mapped != null
                ? (int) INT.getOpaque(mapped, offset)
                : bus(offset, 4).read32(base + offset);
    }

    /// Reads 64 bits in one access.
    ///
    /// @param offset in bytes, a multiple of 8
    /// @return the value
    public long read64(long offset) {
        return mapped != null
                ? (long) LONG.getOpaque(mapped, offset)
                : bus(offset, 8).read64(base + offset);
    }

    /// Writes 8 bits.
    ///
    /// @param offset in bytes
    /// @param value its low 8 bits count
    public void write8(long offset, int value) {
        if (mapped != null) {
            BYTE.setOpaque(mapped, offset, (byte) value);
        } else {
            bus(offset, 1).write8(base + offset, (byte) value);
        }
    }

    /// Writes 16 bits.
    ///
    /// @param offset in bytes, a multiple of 2
    /// @param value its low 16 bits count
    public void write16(long offset, int value) {
        if (mapped != null) {
            SHORT.setOpaque(mapped, offset, (short) value);
        } else {
            bus(offset, 2).write16(base + offset, (short) value);
        }
    }

    /// Writes 32 bits.
    ///
    /// @param offset in bytes, a multiple of 4
    /// @param value the value
    public void write32(long offset, int value) {
        if (mapped != null) {
            INT.setOpaque(mapped, offset, value);
        } else {
            bus(offset, 4).write32(base + offset, value);
        }
    }

    /// Writes 64 bits in one access.
    ///
    /// @param offset in bytes, a multiple of 8
    /// @param value the value
    public void write64(long offset, long value) {
        if (mapped != null) {
            LONG.setOpaque(mapped, offset, value);
        } else {
            bus(offset, 8).write64(base + offset, value);
        }
    }

    /// Writes 32 bits after every earlier store to memory is visible to the device: a doorbell's
    /// write.
    ///
    /// @param offset in bytes, a multiple of 4
    /// @param value the value
    public void write32Release(long offset, int value) {
        if (mapped != null) {
            INT.setRelease(mapped, offset, value);
        } else {
            VarHandle.releaseFence();
            bus(offset, 4).write32(base + offset, value);
        }
    }

    /// Reads 32 bits before any later load from memory.
    ///
    /// @param offset in bytes, a multiple of 4
    /// @return the value
    public int read32Acquire(long offset) {
        if (mapped != null) {
            return (int) INT.getAcquire(mapped, offset);
        }
        int value = bus(offset, 4).read32(base + offset);
        VarHandle.acquireFence();
        return value;
    }

    private BusAccess bus(long offset, int width) {
        Objects.checkFromIndexSize(offset, width, size);
        if ((offset & width - 1) != 0) {
            throw new IllegalArgumentException(
                    name
                            + ": offset 0x"
                            + Long.toHexString(offset)
                            + " is no multiple of "
                            + width);
        }
        if (!lease.isValid()) {
            throw new LeaseRevokedException(name, lease);
        }
        return Objects.requireNonNull(access);
    }

    @Override
    public String toString() {
        return name + " (" + size + " bytes)";
    }
}
