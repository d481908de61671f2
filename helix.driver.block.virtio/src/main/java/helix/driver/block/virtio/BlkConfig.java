package helix.driver.block.virtio;

import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.hal.api.DeviceException;
import helix.hal.api.MmioRegion;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;
import java.util.TreeSet;

/// The configuration of a block device, and what follows from it: VIRTIO 1.2, section 5.2.4. A
/// field whose feature was not negotiated, or that lies beyond what the device has, is not looked
/// at.
///
/// @param features what was negotiated
/// @param bytes the configuration as it was read
@SuppressWarnings("ArrayRecordComponent") // never compared
record BlkConfig(long features, byte[] bytes) {
    /// As far as this driver looks: up to `write_zeroes_may_unmap`.
    static final int BYTES = 60;

    /// The most that a request carries.
    static final int MAX_TRANSFER = 1 << 20;

    /// The most pieces of a request.
    static final int MAX_SEGMENTS = 64;

    /// The most entries of a queue.
    static final int MAX_ENTRIES = 1024;

    /// The most queues that are set up.
    static final int MAX_QUEUES = 16;

    private static final int CAPACITY = 0;
    private static final int SIZE_MAX = 8;
    private static final int SEG_MAX = 12;
    private static final int BLK_SIZE = 20;
    private static final int WRITEBACK = 32;
    private static final int NUM_QUEUES = 34;
    private static final int MAX_DISCARD_SECTORS = 36;
    private static final int MAX_WRITE_ZEROES_SECTORS = 48;

    /// What has 32 bits, and the halves of what has 64.
    private static final int[] WORDS = {
        CAPACITY,
        CAPACITY + Integer.BYTES,
        SIZE_MAX,
        SEG_MAX,
        BLK_SIZE,
        MAX_DISCARD_SECTORS,
        MAX_WRITE_ZEROES_SECTORS
    };

    private static final int MIN_BLOCK_SHIFT = 9;
    private static final int MAX_BLOCK_SHIFT = 16;
    private static final int READS = 16;

    /// Reads the configuration until it was not changed meanwhile, section 2.5.1.
    ///
    /// @throws DeviceException if it changes all the time
    static BlkConfig read(VirtioTransport transport, long features) {
        MmioRegion region = transport.config();
        for (int i = 0; i < READS; i++) {
            int before = transport.configGeneration();
            byte[] all = fields(region);
            if (transport.configGeneration() == before) {
                return new BlkConfig(features, all);
            }
        }
        throw new DeviceException(
                "configuration changed during each of " + READS + " attempts to read it");
    }

    /// Each field that is looked at, as far as the device has it, by its own width: section
    /// 4.1.3.1.
    private static byte[] fields(MmioRegion region) {
        ByteBuffer all = ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int at : WORDS) {
            if (at + Integer.BYTES <= region.size()) {
                all.putInt(at, region.read32(at));
            }
        }
        if (NUM_QUEUES + Short.BYTES <= region.size()) {
            all.putShort(NUM_QUEUES, (short) region.read16(NUM_QUEUES));
        }
        if (WRITEBACK < region.size()) {
            all.put(WRITEBACK, (byte) region.read8(WRITEBACK));
        }
        return all.array();
    }

    private ByteBuffer fields() {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    boolean has(long feature) {
        return (features & feature) != 0;
    }

    private long unsigned(int at) {
        return Integer.toUnsignedLong(fields().getInt(at));
    }

    /// The size of a block.
    ///
    /// @return its logarithm
    /// @throws DeviceException if it is none that this driver can deal with
    int blockShift() {
        long size = has(Blk.F_BLK_SIZE) ? unsigned(BLK_SIZE) : 1 << MIN_BLOCK_SHIFT;
        if (Long.bitCount(size) != 1
                || size < 1 << MIN_BLOCK_SHIFT
                || size > 1 << MAX_BLOCK_SHIFT) {
            throw new DeviceException(
                    "blk_size %d is no power of two from 512 to 65536".formatted(size));
        }
        return Long.numberOfTrailingZeros(size);
    }

    /// The capacity.
    ///
    /// @return blocks
    /// @throws DeviceException if it is more than can be counted in bytes
    long totalBlocks() {
        long sectors = fields().getLong(CAPACITY);
        if (sectors < 0 || sectors > Long.MAX_VALUE >> Blk.SECTOR_SHIFT) {
            throw new DeviceException("capacity of " + Long.toUnsignedString(sectors) + " sectors");
        }
        return sectors >> (blockShift() - Blk.SECTOR_SHIFT);
    }

    /// How many queues the device has.
    int queues() {
        int queues = has(Blk.F_MQ) ? fields().getShort(NUM_QUEUES) & 0xFFFF : 1;
        return Math.clamp(queues, 1, MAX_QUEUES);
    }

    /// Whether acknowledged writes may be lost without a flush, section 5.2.5.2.
    boolean hasVolatileCache() {
        return has(Blk.F_FLUSH) && (!has(Blk.F_CONFIG_WCE) || bytes[WRITEBACK] != 0);
    }

    boolean isReadOnly() {
        return has(Blk.F_RO);
    }

    /// The most bytes of one descriptor.
    int segmentBytes() {
        long most = has(Blk.F_SIZE_MAX) ? unsigned(SIZE_MAX) : MAX_TRANSFER;
        // QEMU's storage daemon offers the feature and says 0 in the field: it has no limit.
        return (int) (most == 0 ? MAX_TRANSFER : Math.min(most, MAX_TRANSFER));
    }

    /// The most descriptors with data in a request, which has two more: a chain is never longer
    /// than its queue, section 2.7.5.3.1.
    ///
    /// @param entries of the queue
    /// @param shared whether another request must find room beside the longest one
    int descriptors(int entries, boolean shared) {
        long most = has(Blk.F_SEG_MAX) ? unsigned(SEG_MAX) : MAX_SEGMENTS;
        // Descriptors for pieces that are cut because of size_max come on top.
        int cut = MAX_SEGMENTS + (MAX_TRANSFER + segmentBytes() - 1) / segmentBytes();
        int reserve = shared && !has(VirtioFeature.RING_INDIRECT_DESC) ? 5 : 2;
        int room = Math.min(entries - reserve, segmentBytes() < MAX_TRANSFER ? cut : MAX_SEGMENTS);
        int count = (int) Math.min(most, room);
        if (count < 1) {
            throw new DeviceException(
                    "seg_max %d and queues of %d entries leave no room for data"
                            .formatted(most, entries));
        }
        return Math.min(count, 256);
    }

    /// How many requests of one piece a queue holds.
    int depth(int entries, boolean shared) {
        int each = has(VirtioFeature.RING_INDIRECT_DESC) ? 1 : 3;
        int room = shared ? entries - each : entries;
        return Math.max(1, room / each);
    }

    /// The most blocks of a discard.
    long discardBlocks() {
        return has(Blk.F_DISCARD) ? blocks(MAX_DISCARD_SECTORS) : 0;
    }

    /// The most blocks of a write zeroes.
    long writeZeroesBlocks() {
        return has(Blk.F_WRITE_ZEROES) ? blocks(MAX_WRITE_ZEROES_SECTORS) : 0;
    }

    private long blocks(int at) {
        return unsigned(at) >> (blockShift() - Blk.SECTOR_SHIFT);
    }

    /// What requests may be like.
    ///
    /// @param entries of each queue
    /// @param queues how many there are
    BlockLimits limits(int entries, int queues) {
        boolean shared = queues == 1;
        int descriptors = descriptors(entries, shared);
        int piece = segmentBytes();
        int pieces = Math.min(MAX_SEGMENTS, descriptors);
        long bytes = MAX_TRANSFER;
        if (piece < MAX_TRANSFER) {
            // A request of p pieces and b bytes takes at most p + b / size_max descriptors.
            pieces = Math.clamp(descriptors / 2, 1, MAX_SEGMENTS);
            bytes = Math.min(bytes, (long) Math.max(1, descriptors - pieces) * piece);
        }
        bytes &= -(1L << blockShift());
        if (bytes == 0) {
            throw new DeviceException(
                    "a block has %d bytes, size_max %d and %d segments carry less"
                            .formatted(1 << blockShift(), piece, descriptors));
        }
        Set<Integer> operations = new TreeSet<>();
        operations.add(BlockOp.FLUSH);
        long most = Long.MAX_VALUE;
        if (discardBlocks() > 0) {
            operations.add(BlockOp.DISCARD);
            most = discardBlocks();
        }
        if (writeZeroesBlocks() > 0) {
            operations.add(BlockOp.WRITE_ZEROES);
            most = Math.min(most, writeZeroesBlocks());
        }
        return new BlockLimits(
                (int) bytes,
                pieces,
                1,
                shared ? 1 : queues - 1,
                depth(entries, shared),
                Set.copyOf(operations),
                true,
                hasVolatileCache(),
                operations.size() == 1 ? 0 : most);
    }
}
