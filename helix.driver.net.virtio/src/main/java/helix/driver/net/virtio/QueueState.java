package helix.driver.net.virtio;

import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;

/// What a client's queue leaves to the next generation, beside what its ring's memory holds.
///
/// @param index the virtqueue's number
/// @param depth how many frames it holds
/// @param sleeps whether waiting sleeps
/// @param poolCount how many frames its pool has
/// @param needed receiving: how many pieces the frame has that is being gathered, 0 for none
/// @param bits receiving: the first 32 bits of that frame's header
/// @param frames receiving: those gathered; sending: all that the device has
/// @param numbers receiving: bytes of each; sending: the next of the same Ethernet frame, or -1
@SuppressWarnings("ArrayRecordComponent") // written and read, never compared
record QueueState(
        int index,
        int depth,
        boolean sleeps,
        int poolCount,
        int needed,
        int bits,
        int[] frames,
        int[] numbers) {
    private static final int MOST_DEPTH = 1 << 15;
    private static final int MOST_FRAMES = 1 << 24;

    boolean isReceiving() {
        return index % 2 == 0;
    }

    void write(StateWriter out) {
        out.number(index);
        out.number(depth);
        out.bool(sleeps);
        out.number(poolCount);
        out.number(needed);
        out.number(bits);
        out.number(frames.length);
        out.numbers(frames);
        out.numbers(numbers);
    }

    /// Reads it, and checks that it is consistent in itself.
    static QueueState read(StateReader in, int pairs) {
        int index = in.number("queue", 0, 2 * pairs - 1);
        int depth = in.number("depth", 1, MOST_DEPTH);
        boolean sleeps = in.bool("sleeps");
        int poolCount = in.number("frames of the pool", 1, MOST_FRAMES);
        int needed = in.number("pieces", 0, depth);
        int bits = in.number("header");
        int count = in.number("frames", 0, poolCount);
        int[] frames = in.numbers("frame", count, 0, poolCount - 1);
        boolean receiving = index % 2 == 0;
        int[] numbers =
                in.numbers(
                        "number", count, receiving ? 0 : -1, receiving ? 1 << 30 : poolCount - 1);
        StateReader.require(!receiving || count <= needed, "pieces gathered", count);
        boolean[] seen = new boolean[poolCount];
        for (int frame : frames) {
            StateReader.require(!seen[frame], "frame twice", frame);
            seen[frame] = true;
        }
        return new QueueState(index, depth, sleeps, poolCount, needed, bits, frames, numbers);
    }
}
