package helix.driver.block.nvme;

import helix.modules.api.StateReader;
import helix.modules.api.StateWriter;

/// What the plain calls leave to the next generation.
///
/// @param queue the identifier of their pair, 0 if it is not open
/// @param tag the last call's
/// @param hasBuffer whether there is a buffer
/// @param buffer its address
record PlainState(int queue, int tag, boolean hasBuffer, long buffer) {
    void write(StateWriter out) {
        out.number(queue);
        out.number(tag);
        out.bool(hasBuffer);
        out.number(buffer);
    }

    static PlainState read(StateReader in, int granted) {
        return new PlainState(
                in.number("queue of the plain calls", 0, granted),
                in.number("tag of the plain calls"),
                in.bool("plain buffer"),
                in.longNumber("plain buffer"));
    }
}
