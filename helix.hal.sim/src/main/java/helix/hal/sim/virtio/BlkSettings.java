package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// How a disk was ordered.
///
/// @param kind `null`, `mem` or `file`
/// @param file the file, if it is one
/// @param size bytes, 0 for as many as the file has
/// @param serial up to 20 characters
/// @param queues how many
/// @param blockSize of a block, reported as blk_size
/// @param physicalBlockSize reported by the topology
/// @param readOnly whether writes fail
/// @param writeCache whether there is a volatile cache
/// @param discard whether there is a discard command
/// @param writeZeroes whether there is a write zeroes command
/// @param segMax reported as seg_max, 0 for none
/// @param sizeMax reported as size_max, 0 for none
record BlkSettings(
        String kind,
        @Nullable Path file,
        long size,
        String serial,
        int queues,
        int blockSize,
        int physicalBlockSize,
        boolean readOnly,
        boolean writeCache,
        boolean discard,
        boolean writeZeroes,
        int segMax,
        int sizeMax) {
    private static final long DEFAULT_SIZE = 64L << 20;
    private static final int MOST_QUEUES = 64;

    static BlkSettings of(String id, Options options, int queueSize) {
        String file = options.text("file");
        String backing = options.text("backing");
        long size = options.size("size", 0);
        String kind = "mem";
        if (file != null) {
            kind = "file";
        } else if (backing != null) {
            int colon = backing.indexOf(':');
            kind = colon < 0 ? backing : backing.substring(0, colon);
            if (colon >= 0 && colon + 1 < backing.length()) {
                size = Options.bytes("backing", backing.substring(colon + 1));
            }
            if (!kind.equals("mem") && !kind.equals("null")) {
                throw new DeviceException("backing is null:SIZE or mem:SIZE, not " + backing);
            }
        }
        if (file == null && size == 0) {
            size = DEFAULT_SIZE;
        }
        if (size % 512 != 0) {
            throw new DeviceException("size is whole sectors, not " + size);
        }
        return new BlkSettings(
                kind,
                file == null ? null : Path.of(file),
                size,
                options.text("serial", id),
                (int) options.number("queues", 1, 1, MOST_QUEUES),
                power(options, "logical_block_size"),
                power(options, "physical_block_size"),
                options.flag("readonly", false),
                options.flag("write-cache", !kind.equals("null")),
                options.flag("discard", true),
                options.flag("write-zeroes", true),
                (int) options.number("seg_max", Math.max(1, queueSize - 2), 0, Chain.LIMIT - 2),
                (int) options.number("size_max", 0, 0, Integer.MAX_VALUE));
    }

    private static int power(Options options, String name) {
        int value = (int) options.number(name, 512, 512, 65536);
        if (Integer.bitCount(value) != 1) {
            throw new DeviceException(name + " is a power of 2, not " + value);
        }
        return value;
    }

    Media open() {
        Path path = file;
        if (path != null) {
            return new FileMedia(path, readOnly, size);
        }
        return kind.equals("null") ? new NullMedia(size) : new MemoryMedia(size);
    }
}
