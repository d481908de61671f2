package helix.driver.api.block;

/// Operations of block requests, and their flags. Numbers, so that a request costs nothing.
public final class BlockOp {
    /// Reads blocks.
    public static final int READ = 0;

    /// Writes blocks.
    public static final int WRITE = 1;

    /// Makes earlier acknowledged writes durable. Takes no blocks and no memory.
    public static final int FLUSH = 2;

    /// Says that the contents of blocks are of no more use. Takes no memory.
    public static final int DISCARD = 3;

    /// Makes blocks read as zeroes. Takes no memory.
    public static final int WRITE_ZEROES = 4;

    /// Compares blocks with memory; ends with [BlockStatus#COMPARE_FAILED] if they differ.
    public static final int COMPARE = 5;

    /// Flag: a write is durable when it completes.
    public static final int FUA = 1;

    private static final String[] NAMES = {
        "read", "write", "flush", "discard", "write-zeroes", "compare"
    };

    private BlockOp() {}

    /// An operation's name.
    ///
    /// @param op its number
    /// @return in lower case
    public static String name(int op) {
        return op >= 0 && op < NAMES.length ? NAMES[op] : "operation " + op;
    }
}
