package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A block device: VIRTIO 1.2, section 5.2.
final class BlkDevice extends VirtioDevice {
    static final long F_SIZE_MAX = 1L << 1;
    static final long F_SEG_MAX = 1L << 2;
    static final long F_RO = 1L << 5;
    static final long F_BLK_SIZE = 1L << 6;
    static final long F_FLUSH = 1L << 9;
    static final long F_TOPOLOGY = 1L << 10;
    static final long F_CONFIG_WCE = 1L << 11;
    static final long F_MQ = 1L << 12;
    static final long F_DISCARD = 1L << 13;
    static final long F_WRITE_ZEROES = 1L << 14;

    private static final int T_IN = 0;
    private static final int T_OUT = 1;
    private static final int T_FLUSH = 4;
    private static final int T_GET_ID = 8;
    private static final int T_DISCARD = 11;
    private static final int T_WRITE_ZEROES = 13;

    private static final int S_OK = 0;
    private static final int S_IOERR = 1;
    private static final int S_UNSUPP = 2;

    private static final int HEADER = 16;
    private static final int SEGMENT = 16;
    private static final int ID_BYTES = 20;
    private static final int SECTOR_SHIFT = 9;

    /// struct virtio_blk_config, 5.2.4.
    private static final int CAPACITY = 0;

    private static final int SIZE_MAX = 8;
    private static final int SEG_MAX = 12;
    private static final int CYLINDERS = 16;
    private static final int BLK_SIZE = 20;
    private static final int PHYSICAL_BLOCK_EXP = 24;
    private static final int MIN_IO_SIZE = 26;
    private static final int OPT_IO_SIZE = 28;
    private static final int WRITEBACK = 32;
    private static final int NUM_QUEUES = 34;
    private static final int MAX_DISCARD_SECTORS = 36;
    private static final int MAX_DISCARD_SEG = 40;
    private static final int DISCARD_ALIGNMENT = 44;
    private static final int MAX_WRITE_ZEROES_SECTORS = 48;
    private static final int MAX_WRITE_ZEROES_SEG = 52;
    private static final int WRITE_ZEROES_MAY_UNMAP = 56;
    private static final int CONFIG_BYTES = 60;

    private static final int MOST_SEGMENTS = 16;
    private static final int MOST_RANGE_SECTORS = 1 << 22;

    /// How many requests a queue gets before the next one's turn.
    private static final int BUDGET = 128;

    private final BlkSettings settings;
    private final Media media;
    private final @Nullable VolatileCache cache;
    private final ConfigSpace config = new ConfigSpace(CONFIG_BYTES);
    private final byte[] id = new byte[ID_BYTES];
    private final MemorySegment scratch = MemorySegment.ofArray(new byte[SEGMENT * MOST_SEGMENTS]);
    private final Chain chain = new Chain();
    private final BlkFaults faults = new BlkFaults();
    private boolean throughMode;

    BlkDevice(BlkSettings settings) {
        this.settings = settings;
        Media below = settings.open();
        cache = settings.writeCache() ? new VolatileCache(below) : null;
        media = cache == null ? below : cache;
        byte[] serial = settings.serial().getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(serial, 0, id, 0, Math.min(serial.length, ID_BYTES));
        describe();
    }

    private void describe() {
        config.field(CAPACITY, 8, media.bytes() >> SECTOR_SHIFT);
        config.field(SIZE_MAX, 4, settings.sizeMax());
        config.field(SEG_MAX, 4, settings.segMax());
        config.field(CYLINDERS, 2, 0);
        config.field(BLK_SIZE, 4, settings.blockSize());
        int physical = Math.max(settings.blockSize(), settings.physicalBlockSize());
        config.set(
                PHYSICAL_BLOCK_EXP,
                1,
                Integer.numberOfTrailingZeros(physical / settings.blockSize()));
        config.field(MIN_IO_SIZE, 2, 1);
        config.field(OPT_IO_SIZE, 4, 0);
        config.set(WRITEBACK, 1, settings.writeCache() ? 1 : 0);
        config.field(NUM_QUEUES, 2, settings.queues());
        config.field(MAX_DISCARD_SECTORS, 4, MOST_RANGE_SECTORS);
        config.field(MAX_DISCARD_SEG, 4, MOST_SEGMENTS);
        config.field(DISCARD_ALIGNMENT, 4, settings.blockSize() >> SECTOR_SHIFT);
        config.field(MAX_WRITE_ZEROES_SECTORS, 4, MOST_RANGE_SECTORS);
        config.field(MAX_WRITE_ZEROES_SEG, 4, MOST_SEGMENTS);
        config.set(WRITE_ZEROES_MAY_UNMAP, 1, 1);
    }

    @Override
    int deviceId() {
        return 2;
    }

    @Override
    int classCode() {
        return 0x01_00_00;
    }

    @Override
    long features() {
        long features = F_BLK_SIZE | F_TOPOLOGY | F_FLUSH | F_CONFIG_WCE;
        features |= settings.segMax() > 0 ? F_SEG_MAX : 0;
        features |= settings.sizeMax() > 0 ? F_SIZE_MAX : 0;
        features |= settings.readOnly() ? F_RO : 0;
        features |= settings.queues() > 1 ? F_MQ : 0;
        features |= settings.discard() ? F_DISCARD : 0;
        features |= settings.writeZeroes() ? F_WRITE_ZEROES : 0;
        return features;
    }

    @Override
    int queues() {
        return settings.queues();
    }

    @Override
    ConfigSpace config() {
        return config;
    }

    @Override
    @Nullable String refusal(long features) {
        return null;
    }

    @Override
    void negotiated(long features) {
        // 5.2.5.2 and 5.2.6.2: without the means to flush, writes are stable when they end.
        if ((features & F_FLUSH) == 0) {
            config.set(WRITEBACK, 1, 0);
        }
        cacheMode();
    }

    private void cacheMode() {
        throughMode = config.get(WRITEBACK, 1) == 0;
    }

    @Override
    boolean configWritten(int offset, int width, long value) {
        if (offset != WRITEBACK || !model().has(F_CONFIG_WCE)) {
            return false;
        }
        if (value > 1) {
            model().device()
                    .violation("writeback is 0 or 1 (VIRTIO 1.2, 5.2.6.1)", "written " + value);
        }
        config.set(WRITEBACK, 1, value == 0 ? 0 : 1);
        cacheMode();
        return true;
    }

    @Override
    int work() {
        int done = 0;
        for (int i = 0; i < settings.queues(); i++) {
            VirtQueue queue = model().queue(i);
            if (queue.begin()) {
                int taken = 0;
                while (taken < BUDGET && model().isWorking() && queue.take(chain)) {
                    taken++;
                    execute(queue);
                }
                done += queue.end(taken, true);
            }
        }
        return done;
    }

    /// A request: 5.2.6.
    private void execute(VirtQueue queue) {
        MemorySegment memory = model().device().dma().memory();
        if (chain.readableBytes() < HEADER || chain.writableBytes() < 1) {
            violation(
                    "a request has header and status (VIRTIO 1.2, 5.2.6)",
                    "%d bytes to read, %d to write"
                            .formatted(chain.readableBytes(), chain.writableBytes()));
            model().cannotGoOn();
            return;
        }
        int type;
        long sector;
        if (chain.length(0) >= HEADER) {
            type = (int) Wire.u32(memory, chain.offset(0));
            sector = Wire.i64(memory, chain.offset(0) + 8);
        } else {
            long _ = chain.copyOut(memory, 0, scratch, 0, HEADER);
            type = (int) Wire.u32(scratch, 0);
            sector = Wire.i64(scratch, 8);
        }
        int status;
        try {
            status = execute(memory, type, sector);
        } catch (IOException | UncheckedIOException e) {
            status = S_IOERR;
        }
        if (faults.isCut()) {
            model().cannotGoOn(); // no power, no answer
            return;
        }
        int last = chain.count() - 1;
        Wire.put8(memory, chain.offset(last) + chain.length(last) - 1, status);
        queue.complete(chain.id, chain.writableBytes(), chain.descriptors);
    }

    private int execute(MemorySegment memory, int type, long sector) throws IOException {
        return switch (type) {
            case T_IN -> in(memory, sector);
            case T_OUT -> out(memory, sector);
            case T_FLUSH -> flush(sector);
            case T_GET_ID -> id(memory);
            case T_DISCARD -> settings.discard() ? ranges(memory, true) : S_UNSUPP;
            case T_WRITE_ZEROES -> settings.writeZeroes() ? ranges(memory, false) : S_UNSUPP;
            default -> S_UNSUPP;
        };
    }

    private void violation(String rule, String detail) {
        model().device().violation(rule, detail);
    }

    private boolean isBeyond(long sector, long bytes, String what) {
        if ((bytes & (1 << SECTOR_SHIFT) - 1) != 0) {
            violation("data are whole sectors (VIRTIO 1.2, 5.2.6.1)", what + " of " + bytes);
            return true;
        }
        long sectors = media.bytes() >> SECTOR_SHIFT;
        if (sector < 0 || sector > sectors || bytes >> SECTOR_SHIFT > sectors - sector) {
            violation(
                    "request beyond the capacity (VIRTIO 1.2, 5.2.6.1)",
                    "%s of %d bytes at sector %d of %d".formatted(what, bytes, sector, sectors));
            return true;
        }
        return false;
    }

    private int in(MemorySegment memory, long sector) throws IOException {
        long bytes = chain.writableBytes() - 1;
        if (isBeyond(sector, bytes, "read") || faults.fails(false, sector, bytes >> SECTOR_SHIFT)) {
            // The used length says that all was written.
            fill(memory);
            return S_IOERR;
        }
        long at = sector << SECTOR_SHIFT;
        long left = bytes;
        for (int i = chain.readable(); left > 0; i++) {
            long now = Math.min(chain.length(i), left);
            media.read(at, memory, chain.offset(i), now);
            at += now;
            left -= now;
        }
        return S_OK;
    }

    private void fill(MemorySegment memory) {
        for (int i = chain.readable(); i < chain.count(); i++) {
            memory.asSlice(chain.offset(i), chain.length(i)).fill((byte) 0);
        }
    }

    private int out(MemorySegment memory, long sector) throws IOException {
        long bytes = chain.readableBytes() - HEADER;
        if (isBeyond(sector, bytes, "write")
                || settings.readOnly()
                || faults.fails(true, sector, bytes >> SECTOR_SHIFT)) {
            return S_IOERR;
        }
        long at = sector << SECTOR_SHIFT;
        long skip = HEADER;
        for (int i = 0; i < chain.readable(); i++) {
            long has = chain.length(i);
            if (skip >= has) {
                skip -= has;
                continue;
            }
            media.write(at, memory, chain.offset(i) + skip, has - skip);
            at += has - skip;
            skip = 0;
        }
        return written();
    }

    /// After something was written: it is stable in write-through mode, and it may be the last.
    private int written() throws IOException {
        if (faults.countsToCut()) {
            int _ = cut(faults.lost());
            return S_OK;
        }
        if (throughMode) {
            media.flush();
        }
        return S_OK;
    }

    private int cut(int lost) throws IOException {
        return cache == null ? 0 : cache.powerCut(model().device().random(), lost);
    }

    private int flush(long sector) throws IOException {
        if (sector != 0) {
            violation("sector of a flush is 0 (VIRTIO 1.2, 5.2.6.1)", "sector " + sector);
        }
        media.flush();
        return S_OK;
    }

    private int id(MemorySegment memory) {
        long room = chain.writableBytes() - 1;
        if (room != ID_BYTES) {
            violation("GET_ID has 20 bytes (VIRTIO 1.2, 5.2.6.1)", room + " bytes");
        }
        fill(memory);
        long _ = chain.copyIn(memory, 0, MemorySegment.ofArray(id), 0, Math.min(room, ID_BYTES));
        return S_OK;
    }

    private int ranges(MemorySegment memory, boolean discard) throws IOException {
        long bytes = chain.readableBytes() - HEADER;
        if (bytes == 0 || bytes % SEGMENT != 0 || bytes / SEGMENT > MOST_SEGMENTS) {
            violation(
                    "segments of discard and write zeroes (VIRTIO 1.2, 5.2.6.1)", bytes + " bytes");
            return S_IOERR;
        }
        if (settings.readOnly()) {
            return S_IOERR;
        }
        long _ = chain.copyOut(memory, HEADER, scratch, 0, bytes);
        for (long at = 0; at < bytes; at += SEGMENT) {
            // 5.2.6.2: no flag is known for discard, unmap alone for write zeroes.
            if ((Wire.u32(scratch, at + 12) & (discard ? -1L : ~1L)) != 0) {
                return S_UNSUPP;
            }
        }
        for (long at = 0; at < bytes; at += SEGMENT) {
            long sector = Wire.i64(scratch, at);
            long count = Wire.u32(scratch, at + 8);
            if (count > MOST_RANGE_SECTORS) {
                violation("length of a range (VIRTIO 1.2, 5.2.4)", count + " sectors");
                return S_IOERR;
            }
            if (isBeyond(sector, count << SECTOR_SHIFT, "range")
                    || faults.fails(true, sector, count)) {
                return S_IOERR;
            }
            if (count > 0) {
                media.zero(sector << SECTOR_SHIFT, count << SECTOR_SHIFT);
            }
        }
        return written();
    }

    @Override
    void reset(boolean power) {
        config.set(WRITEBACK, 1, settings.writeCache() ? 1 : 0);
        cacheMode();
        faults.powerBack();
        if (power) {
            try {
                int _ = cut(50);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    List<Choice> faults() {
        return BlkFaults.CHOICES;
    }

    @Override
    @Nullable String fault(String name, Map<String, String> options) {
        if (!"resize".equals(name)) {
            return faults.arm(name, new Options(options));
        }
        Options given = new Options(options);
        long size = given.size("size", 0);
        given.end();
        if (size < 512 || size % 512 != 0) {
            throw new DeviceException("resize needs size=BYTES, whole sectors");
        }
        try {
            media.resize(size);
        } catch (IOException e) {
            throw new DeviceException("resize: " + e, e);
        }
        config.set(CAPACITY, 8, size >> SECTOR_SHIFT);
        model().configurationChanged();
        return "resized to " + size + " bytes";
    }

    @Override
    public void close() {
        media.close();
    }

    @Override
    public String toString() {
        return "virtio-blk " + Arrays.toString(id);
    }
}
