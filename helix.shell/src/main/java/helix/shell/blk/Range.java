package helix.shell.blk;

import helix.block.api.Disk;
import helix.shell.CommandFailed;
import helix.shell.Sizes;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Where on a disk: options that several commands share.
final class Range {
    @Option(
            names = "--offset",
            paramLabel = "<size>",
            converter = Sizes.class,
            description = "First byte on the disk: 4096, 64k, 1G.")
    private @Nullable Long offset;

    @Option(
            names = "--lba",
            paramLabel = "<number>",
            description = "First block on the disk, instead of --offset.")
    private @Nullable Long lba;

    /// The first byte.
    ///
    /// @param disk on which disk
    /// @return at least 0, and less than the disk's size
    long offset(Disk disk) {
        if (offset != null && lba != null) {
            throw new CommandFailed("--offset and --lba are two ways to say the same");
        }
        long size = size(disk);
        if (lba != null) {
            if (lba < 0 || lba >= disk.totalBlocks()) {
                throw new CommandFailed(
                        "block %d is beyond the end of %s (%d blocks)"
                                .formatted(lba, disk.name(), disk.totalBlocks()));
            }
            return lba * disk.blockSize();
        }
        long first = offset == null ? 0 : offset;
        if (first >= size) {
            throw new CommandFailed(
                    "offset %d is beyond the end of %s (%d bytes)"
                            .formatted(first, disk.name(), size));
        }
        return first;
    }

    /// How many bytes, where the command line may leave it open.
    ///
    /// @param disk on which disk
    /// @param first the first byte
    /// @param wanted what was asked for, null for all up to the end
    /// @return a count that fits
    static long bytes(Disk disk, long first, @Nullable Long wanted) {
        long left = size(disk) - first;
        if (wanted == null) {
            return left;
        }
        if (wanted > left) {
            throw new CommandFailed(
                    "%d bytes at offset %d end beyond the end of %s (%d bytes)"
                            .formatted(wanted, first, disk.name(), size(disk)));
        }
        return wanted;
    }

    /// Insists on whole blocks.
    ///
    /// @param disk on which disk
    /// @param what the number's option
    /// @param bytes a number of bytes
    /// @return as many blocks
    static long blocks(Disk disk, String what, long bytes) {
        if (bytes % disk.blockSize() != 0) {
            throw new CommandFailed(
                    "%s %d is no multiple of the block size %d of %s"
                            .formatted(what, bytes, disk.blockSize(), disk.name()));
        }
        return bytes / disk.blockSize();
    }

    private static long size(Disk disk) {
        return disk.totalBlocks() * disk.blockSize();
    }
}
