package helix.shell.blk.soak;

/// Compares blocks in memory with what a writer knows.
final class Checker {
    private final Stamp stamp;
    private final Ledger ledger;
    private final Defects defects;
    private final int blockSize;
    private final String where;

    /// Makes a checker.
    ///
    /// @param stamp looks at the memory
    /// @param ledger what should be there
    /// @param defects takes what is wrong
    /// @param blockSize bytes of a block
    /// @param where for messages: empty, or ` of FILE`
    Checker(Stamp stamp, Ledger ledger, Defects defects, int blockSize, String where) {
        this.stamp = stamp;
        this.ledger = ledger;
        this.defects = defects;
        this.blockSize = blockSize;
        this.where = where;
    }

    /// Looks at some cells.
    ///
    /// @param at where they are in memory
    /// @param atEnd whether nothing will be written any more, so that what is missing is lost
    /// @return whether all are as they should be
    boolean check(long at, int cell, int cells, boolean atEnd) {
        int blocks = ledger.blocksPerCell();
        boolean good = true;
        for (int c = 0; c < cells; c++) {
            for (int b = 0; b < blocks; b++) {
                long place = at + ((long) c * blocks + b) * blockSize;
                good &= block(place, cell + c, ledger.lba(cell + c) + b, atEnd);
            }
        }
        return good;
    }

    private boolean block(long at, int cell, long lba, boolean atEnd) {
        long expected = ledger.acknowledged(cell);
        switch (stamp.read(at, ledger.writer(), lba)) {
            case Stamp.VALID -> {
                long found = stamp.sequenceAt(at);
                if (!ledger.allows(cell, found)) {
                    defects.old(lba, expected, found, where, atEnd);
                    return false;
                }
            }
            case Stamp.TORN -> {
                if (!ledger.isUncertain(cell)) {
                    defects.torn(lba, where);
                    return false;
                }
            }
            case Stamp.MISPLACED -> {
                defects.misplaced(lba, stamp.lbaAt(at), where);
                return false;
            }
            default -> {
                if (expected != 0) {
                    defects.old(lba, expected, 0, where, atEnd);
                    return false;
                }
            }
        }
        return true;
    }
}
