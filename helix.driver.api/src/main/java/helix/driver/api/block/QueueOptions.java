package helix.driver.api.block;

/// What a queue should be like.
///
/// @param depth how many requests it holds at the same time, at least 1
/// @param completion how completions are noticed
/// @param passable whether the client can go on with this queue when its driver is replaced: it is
///   then passed on with what is in flight, see [BlockQueue#handle()]
public record QueueOptions(int depth, Completion completion, boolean passable) {
    /// A queue that ends with its driver's generation.
    ///
    /// @param depth how many requests it holds at the same time, at least 1
    /// @param completion how completions are noticed
    public QueueOptions(int depth, Completion completion) {
        this(depth, completion, false);
    }

    /// The same for a client that follows a queue to the next generation.
    ///
    /// @return options of a passable queue
    public QueueOptions asPassable() {
        return new QueueOptions(depth, completion, true);
    }

    /// How completions are noticed.
    public enum Completion {
        /// [BlockQueue#poll] looks into memory; [BlockQueue#await] spins.
        POLLED,
        /// [BlockQueue#await] sleeps until the device interrupts.
        INTERRUPT
    }

    /// A queue that sleeps while it waits.
    ///
    /// @param depth how many requests it holds at the same time
    /// @return the options
    public static QueueOptions interrupt(int depth) {
        return new QueueOptions(depth, Completion.INTERRUPT);
    }

    /// A queue that is polled.
    ///
    /// @param depth how many requests it holds at the same time
    /// @return the options
    public static QueueOptions polled(int depth) {
        return new QueueOptions(depth, Completion.POLLED);
    }
}
