package helix.hal.sim;

/// What is wrong with a function because somebody asked for it. Guarded by the function's lock.
final class FunctionFaults {
    /// How many messages and line changes upwards are still to be lost.
    long dropInterrupts;

    /// How many messages of a storm are still to be sent, and of which vector.
    long storm;

    int stormVector;

    /// The function is off the bus: reads give all ones, writes are lost, it does nothing.
    boolean silent;

    /// When that ends by itself.
    long silentUntil = Long.MAX_VALUE;

    /// It ignores resets.
    boolean stuckReset;

    /// How long it is off the bus after a reset.
    long lateReset;

    /// How long it waits between two looks at its work.
    long slow;

    long nextLook = Long.MIN_VALUE;

    void clear() {
        dropInterrupts = 0;
        storm = 0;
        silent = false;
        silentUntil = Long.MAX_VALUE;
        stuckReset = false;
        lateReset = 0;
        slow = 0;
        nextLook = Long.MIN_VALUE;
    }
}
