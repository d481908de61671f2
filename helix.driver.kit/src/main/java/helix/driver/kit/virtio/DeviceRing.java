package helix.driver.kit.virtio;

import helix.virtio.VirtioFeature;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The device's side of a virtqueue, from VIRTIO 1.2, sections 2.7 and 2.8. It takes buffers in
/// order and may use them in any. What the driver must not do is an `AssertionError`.
public abstract sealed class DeviceRing permits SplitDeviceRing, PackedDeviceRing {
    static final int NEXT = 1;
    static final int WRITE = 2;
    static final int INDIRECT = 4;

    private static final VarHandle U16 =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle U32 =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle U64 =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final TestMachine machine;
    private final long descriptorArea;
    private final long driverArea;
    private final long deviceArea;
    final int size;
    final boolean eventIndex;
    final boolean indirectAllowed;
    boolean wantsKicks = true;

    /// Where a queue is.
    ///
    /// @param size how many entries
    /// @param features negotiated
    /// @param descriptors device address of the descriptor area
    /// @param driver device address of the driver area
    /// @param device device address of the device area
    public record Place(int size, long features, long descriptors, long driver, long device) {}

    DeviceRing(TestMachine machine, Place place) {
        this.machine = machine;
        size = place.size;
        descriptorArea = place.descriptors;
        driverArea = place.driver;
        deviceArea = place.device;
        eventIndex = (place.features & VirtioFeature.RING_EVENT_IDX) != 0;
        indirectAllowed = (place.features & VirtioFeature.RING_INDIRECT_DESC) != 0;
    }

    /// Attaches to a queue that has just been set up.
    ///
    /// @param machine whose memory it is in
    /// @param place where
    /// @return the device's side
    public static DeviceRing of(TestMachine machine, Place place) {
        boolean packed = (place.features & VirtioFeature.RING_PACKED) != 0;
        check(place.size >= 1 && place.size <= 32768, "queue size", place.size);
        check(place.descriptors % 16 == 0, "descriptor area's alignment", place.descriptors);
        check(place.driver % (packed ? 4 : 2) == 0, "driver area's alignment", place.driver);
        check(place.device % 4 == 0, "device area's alignment", place.device);
        if (packed) {
            return new PackedDeviceRing(machine, place);
        }
        check(Integer.bitCount(place.size) == 1, "split queue size", place.size);
        return new SplitDeviceRing(machine, place);
    }

    /// Takes the next buffer that the driver has made available.
    ///
    /// @return null if there is none
    public abstract @Nullable RequestChain next();

    /// Marks a buffer used.
    ///
    /// @param chain which was taken here and not used yet
    /// @param written how many bytes the device says that it has written
    public abstract void use(RequestChain chain, int written);

    /// Whether the driver wants to be told of what was used since this was asked last.
    ///
    /// @return false if there is nothing new, or the driver does not want to know
    public abstract boolean interruptDue();

    /// Whether the device wants to be notified of new buffers.
    ///
    /// @param wanted true at first
    public abstract void kicks(boolean wanted);

    /// How many buffers were taken and not used.
    ///
    /// @return the device's count
    public abstract int inFlight();

    /// The descriptor area, for tests that spoil it.
    ///
    /// @return its bytes
    public final MemorySegment descriptorArea() {
        return machine.resolve(descriptorArea, 16L * size);
    }

    /// The driver area.
    ///
    /// @return its bytes
    public final MemorySegment driverArea() {
        return machine.resolve(driverArea, driverBytes());
    }

    /// The device area, for tests that spoil it.
    ///
    /// @return its bytes
    public final MemorySegment deviceArea() {
        return machine.resolve(deviceArea, deviceBytes());
    }

    abstract long driverBytes();

    abstract long deviceBytes();

    /// Reads an indirect table. In a packed queue's tables only WRITE counts.
    final void readTable(long address, long bytes, boolean linked, List<RequestChain.Piece> to) {
        check(indirectAllowed, "indirect table without the feature", address);
        check(bytes > 0 && bytes % 16 == 0, "bytes of an indirect table", bytes);
        long count = bytes / 16;
        // 2.7.5.3.1: no chain is longer than the queue.
        check(count <= size, "entries of an indirect table", count);
        MemorySegment table = machine.resolve(address, bytes);
        long at = 0;
        for (int i = 0; i < count; i++) {
            check(at < count, "next in an indirect table", at);
            long entry = at * 16;
            int flags = linked ? u16(table, entry + 12) : u16(table, entry + 14);
            check((flags & INDIRECT) == 0, "nested indirect table", flags);
            check(linked || (flags & ~WRITE) == 0, "flags in an indirect table", flags);
            addPiece(u64(table, entry), u32(table, entry + 8), (flags & WRITE) != 0, to);
            if (linked && (flags & NEXT) == 0) {
                return;
            }
            at = linked ? u16(table, entry + 14) : at + 1;
        }
        check(!linked, "loop in an indirect table", address);
    }

    final void addPiece(long address, int length, boolean write, List<RequestChain.Piece> to) {
        check(length > 0, "piece length", length);
        // 2.7.4.2, 2.8.17: what is written comes after what is read.
        boolean after = to.isEmpty() || write || !to.getLast().writable();
        check(after, "readable piece after a writable one, length", length);
        to.add(new RequestChain.Piece(address, machine.resolve(address, length), write));
    }

    static List<RequestChain.Piece> noPieces() {
        return new ArrayList<>();
    }

    static int u16(MemorySegment memory, long offset) {
        return (short) U16.getAcquire(memory, offset) & 0xFFFF;
    }

    static int u32(MemorySegment memory, long offset) {
        return (int) U32.getOpaque(memory, offset);
    }

    static long u64(MemorySegment memory, long offset) {
        return (long) U64.getOpaque(memory, offset);
    }

    static void u16(MemorySegment memory, long offset, int value) {
        U16.setRelease(memory, offset, (short) value);
    }

    static void u32(MemorySegment memory, long offset, int value) {
        U32.setRelease(memory, offset, value);
    }

    static void check(boolean condition, String what, long value) {
        if (!condition) {
            throw new AssertionError("the driver must not: " + what + " " + value);
        }
    }
}
