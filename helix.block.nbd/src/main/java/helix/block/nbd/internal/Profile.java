package helix.block.nbd.internal;

import helix.block.api.Disk;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import java.util.Locale;

/// What clients are told of an export, as it was when they came.
///
/// @param name its name
/// @param description for people
/// @param size bytes
/// @param blockSize bytes; requests are multiples of it
/// @param readOnly whether writing is refused
/// @param limits what the disk takes
record Profile(
        String name,
        String description,
        long size,
        int blockSize,
        boolean readOnly,
        BlockLimits limits) {
    static Profile of(String name, Disk.Access access, boolean readOnly) {
        BlockIdentity identity = access.identity();
        String description =
                String.format(
                        Locale.ROOT,
                        "%s: %s, serial %s",
                        access.disk().name(),
                        identity.model(),
                        identity.serial());
        int blockSize = access.blockSize();
        return new Profile(
                name,
                description,
                access.totalBlocks() * blockSize,
                blockSize,
                readOnly,
                access.limits());
    }

    boolean canTrim() {
        return !readOnly && limits.supports(BlockOp.DISCARD);
    }

    boolean canWriteZeroes() {
        return !readOnly && limits.supports(BlockOp.WRITE_ZEROES);
    }

    /// The transmission flags.
    int flags(boolean structured) {
        // Every connection is a queue of one disk, whose flush is for all of them.
        int flags =
                Nbd.FLAG_HAS_FLAGS
                        | Nbd.FLAG_SEND_FLUSH
                        | Nbd.FLAG_SEND_FUA
                        | Nbd.FLAG_CAN_MULTI_CONN;
        if (readOnly) {
            flags |= Nbd.FLAG_READ_ONLY;
        }
        if (canTrim()) {
            flags |= Nbd.FLAG_SEND_TRIM;
        }
        if (canWriteZeroes()) {
            flags |= Nbd.FLAG_SEND_WRITE_ZEROES;
        }
        if (structured) {
            flags |= Nbd.FLAG_SEND_DF;
        }
        return flags;
    }

    /// The preferred size of requests: what disks do well.
    int preferredBlockSize() {
        return Math.max(4096, blockSize);
    }
}
