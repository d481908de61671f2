package helix.hal.planted;

import java.lang.foreign.MemorySegment;

/// Breaks a rule on purpose.
public final class UsesRestricted {
    /// Reaches beyond what it was given.
    @SuppressWarnings("restricted")
    public MemorySegment grow(MemorySegment segment) {
        return segment.reinterpret(4096);
    }
}
