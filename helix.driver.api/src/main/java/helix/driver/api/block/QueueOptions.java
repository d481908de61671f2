package helix.driver.api.block;

/// What a queue should be like.
///
/// @param depth how many requests it holds at the same time, at least 1
/// @param completion how completions are noticed
public record QueueOptions(int depth, Completion completion) {
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
