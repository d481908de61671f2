package helix.virtio;

/// Where things are in a queue's memory. What only the driver uses comes first and is found without
/// knowing the shape; the areas that the device reaches follow, each on cache lines of its own.
///
/// ```
/// 0            header                      QueueHeader
/// 128          bookkeeping of each entry   Slots
/// descriptors  descriptor area             16 bytes an entry
/// driver       available ring, or driver event suppression
/// device       used ring, or device event suppression
/// tables       indirect tables             16 bytes a segment, one table an entry
/// ```
///
/// @param descriptors offset of the descriptor area
/// @param driver offset of the driver area
/// @param device offset of the device area
/// @param tables offset of the indirect tables
/// @param tableBytes bytes of one indirect table, 0 without
/// @param bytes all of it
record QueueLayout(
        long descriptors, long driver, long device, long tables, long tableBytes, long bytes) {
    static final int MAX_SIZE = 32768;
    static final int DESCRIPTOR_BYTES = 16;
    static final int ALIGNMENT = 4096;

    /// Two lines, because processors fetch lines in pairs.
    private static final long LINE = 128;

    /// Computes the layout of a queue.
    ///
    /// @throws IllegalArgumentException if there cannot be such a queue
    static QueueLayout of(Virtqueue.Shape shape) {
        check(shape);
        int size = shape.size();
        boolean packed = has(shape, VirtioFeature.RING_PACKED);
        boolean indirect = has(shape, VirtioFeature.RING_INDIRECT_DESC) && shape.segments() > 1;
        long descriptors = line(QueueHeader.BYTES + (long) Slots.ENTRY_BYTES * size);
        long driver = line(descriptors + (long) DESCRIPTOR_BYTES * size);
        // 2.7: 6 + 2 and 6 + 8 bytes an entry; 2.8.10.1: 4 bytes each.
        long device = line(driver + (packed ? 4 : 6 + 2L * size));
        long tables = line(device + (packed ? 4 : 6 + 8L * size));
        long tableBytes = indirect ? (long) DESCRIPTOR_BYTES * shape.segments() : 0;
        long end = tables + tableBytes * size;
        long bytes = (end + ALIGNMENT - 1) & -ALIGNMENT;
        return new QueueLayout(descriptors, driver, device, tables, tableBytes, bytes);
    }

    static boolean has(Virtqueue.Shape shape, long feature) {
        return (shape.features() & feature) != 0;
    }

    private static void check(Virtqueue.Shape shape) {
        int size = shape.size();
        if (shape.index() < 0 || shape.index() > 0xFFFF) {
            throw new IllegalArgumentException("queue " + shape.index() + " not in 0..65535");
        }
        if (size < 1 || size > MAX_SIZE) {
            throw new IllegalArgumentException("queue size " + size + " not in 1.." + MAX_SIZE);
        }
        if (!has(shape, VirtioFeature.RING_PACKED) && Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("split queue size " + size + " is no power of two");
        }
        // 2.7.5.3.1 and 2.8.18: no chain is longer than the queue, not even an indirect one.
        if (shape.segments() < 1 || shape.segments() > size) {
            throw new IllegalArgumentException(
                    "segments " + shape.segments() + " not in 1.." + size + ", the queue's size");
        }
        long refused = shape.features() & Virtqueue.REFUSED;
        if (refused != 0) {
            throw new IllegalArgumentException(
                    "features 0x" + Long.toHexString(refused) + " are not supported by queues");
        }
    }

    private static long line(long offset) {
        return (offset + LINE - 1) & -LINE;
    }
}
