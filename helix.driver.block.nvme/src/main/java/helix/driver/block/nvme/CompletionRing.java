package helix.driver.block.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// The host's side of a completion queue: head, phase, and how much of it was reported. Base 2.0,
/// section 3.3.3.2.2 for the phase tag.
///
/// The head need not be reported for each entry: only so often that the controller always has room
/// for every command that may be in flight.
final class CompletionRing {
    private static final VarHandle TAKEN;

    static {
        try {
            TAKEN =
                    MethodHandles.lookup()
                            .findVarHandle(CompletionRing.class, "takenTo", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final MemorySegment ring;
    private final int entries;
    private final int reportAt;
    private int head;
    private int phase = 1;
    private int unreported;
    private int dw3;

    /// Head and phase (bit 16) for the watch, set after the entries before it have been taken.
    @SuppressWarnings("unused")
    private int takenTo = 1 << 16;

    CompletionRing(QueueMemory memory) {
        ring = memory.completion;
        entries = memory.completionEntries;
        // With that many consumed entries unreported, there is still room for every command.
        int room = entries - memory.slots;
        reportAt = Math.max(1, Math.min(room, entries / 4));
    }

    /// Goes on where the generation before stopped.
    void restore(QueueState.Rings saved) {
        head = saved.head();
        phase = saved.phase();
        unreported = saved.unreported();
        TAKEN.setRelease(this, head | phase << 16);
    }

    int head() {
        return head;
    }

    int phase() {
        return phase;
    }

    int unreported() {
        return unreported;
    }

    /// Whether there is an entry that was not consumed.
    boolean hasNext() {
        int value = CompletionEntry.dw3Acquire(ring, head);
        dw3 = value;
        return CompletionEntry.phase(value) == phase;
    }

    /// DW3 of the entry that [#hasNext] found.
    int dw3() {
        return dw3;
    }

    /// DW2 of the entry that [#hasNext] found.
    int dw2() {
        return CompletionEntry.dw2(ring, head);
    }

    /// Consumes the entry that [#hasNext] found, after its command was ended.
    ///
    /// @return whether the head must be reported now
    boolean consume() {
        int next = head + 1;
        if (next == entries) {
            next = 0;
            phase ^= 1;
        }
        head = next;
        TAKEN.setRelease(this, next | phase << 16);
        return ++unreported >= reportAt;
    }

    boolean hasUnreported() {
        return unreported > 0;
    }

    /// Notes that the head is being reported.
    ///
    /// @return the head
    int report() {
        unreported = 0;
        return head;
    }

    /// Back to what Create I/O Completion Queue expects.
    void rewind() {
        ring.fill((byte) 0);
        head = 0;
        phase = 1;
        unreported = 0;
        TAKEN.setRelease(this, 1 << 16);
    }

    /// Whether there is an entry for a command that was not consumed. For the watch, on its own
    /// thread: the head is read first, so an entry consumed since is not missed but seen, with its
    /// command ended.
    boolean holds(int commandId) {
        int from = (int) TAKEN.getAcquire(this);
        int at = from & 0xFFFF;
        int expected = from >>> 16;
        for (int n = 0; n < entries; n++) {
            int value = CompletionEntry.dw3Acquire(ring, at);
            if (CompletionEntry.phase(value) != expected) {
                return false;
            }
            if (CompletionEntry.CID.get(value) == commandId) {
                return true;
            }
            if (++at == entries) {
                at = 0;
                expected ^= 1;
            }
        }
        return false;
    }
}
