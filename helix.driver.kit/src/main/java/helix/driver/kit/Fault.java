package helix.driver.kit;

/// What a [FaultyBlockDevice] can do wrong.
public enum Fault {
    /// A write is acknowledged and not done.
    DROPPED_WRITE,

    /// A write is acknowledged, but of its last block only the first half is written.
    TORN_WRITE,

    /// A write goes to a neighbouring place of the medium.
    MISDIRECTED_WRITE,

    /// A read takes its bytes from a neighbouring place of the medium.
    MISDIRECTED_READ,

    /// A write is acknowledged before it is done; until it is done later, reads do not see it.
    LATE_WRITE,

    /// A write is acknowledged before it is done, and done later even where another has been done
    /// since.
    REORDERED_WRITE,

    /// A request ends with an error.
    FAILED_REQUEST
}
