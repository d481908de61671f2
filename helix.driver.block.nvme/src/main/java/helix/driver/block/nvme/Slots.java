package helix.driver.block.nvme;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/// The commands of one queue by slot. A command identifier is `sequence << 12 | slot`: the sequence
/// tells a late or repeated completion from the one expected.
///
/// The queue's owner changes them; the watch reads when each command was shown to the controller.
final class Slots {
    static final int SLOT_BITS = 12;
    private static final int SLOT_MASK = (1 << SLOT_BITS) - 1;
    private static final VarHandle COMMAND_ID = MethodHandles.arrayElementVarHandle(int[].class);
    private static final VarHandle STAMP = MethodHandles.arrayElementVarHandle(long[].class);

    private final int[] free;
    private int freeCount;
    private final int[] commandIds;

    /// The request that a command belongs to, -1 for a free slot.
    private final int[] requests;

    /// When a command was shown to the controller, 0 for never or not in flight.
    private final long[] stamps;

    /// Set by the watch for commands that ran out of time, before the reset that ends them.
    private final boolean[] expired;

    Slots(int count) {
        free = new int[count];
        commandIds = new int[count];
        requests = new int[count];
        stamps = new long[count];
        expired = new boolean[count];
        clear();
    }

    /// Frees all.
    void clear() {
        Arrays.fill(requests, -1);
        Arrays.fill(stamps, 0);
        Arrays.fill(expired, false);
        freeCount = free.length;
        for (int i = 0; i < free.length; i++) {
            free[i] = free.length - 1 - i;
        }
    }

    /// What the next generation needs to know of them.
    QueueState.Commands save() {
        byte[] sequences = new byte[free.length];
        int inFlight = free.length - freeCount;
        int[] slots = new int[inFlight];
        int[] owners = new int[inFlight];
        long[] times = new long[inFlight];
        int n = 0;
        for (int slot = 0; slot < free.length; slot++) {
            sequences[slot] = (byte) (commandIds[slot] >>> SLOT_BITS);
            if (requests[slot] >= 0) {
                slots[n] = slot;
                owners[n] = requests[slot];
                times[n++] = stamps[slot];
            }
        }
        return new QueueState.Commands(sequences, slots, owners, times);
    }

    /// Takes over the commands of the generation before.
    void restore(QueueState.Commands saved) {
        for (int slot = 0; slot < free.length; slot++) {
            COMMAND_ID.setRelease(commandIds, slot, saved.sequences()[slot] << SLOT_BITS | slot);
        }
        for (int i = 0; i < saved.slots().length; i++) {
            requests[saved.slots()[i]] = saved.owners()[i];
            STAMP.setRelease(stamps, saved.slots()[i], saved.stamps()[i]);
        }
        freeCount = 0;
        for (int slot = free.length - 1; slot >= 0; slot--) {
            if (requests[slot] < 0) {
                free[freeCount++] = slot;
            }
        }
    }

    int count() {
        return free.length;
    }

    int available() {
        return freeCount;
    }

    /// Takes a slot; one must be available.
    int take(int request) {
        int slot = free[--freeCount];
        requests[slot] = request;
        // Whoever sees the new identifier sees that the stamp of the command before it is cleared.
        COMMAND_ID.setRelease(
                commandIds, slot, ((commandIds[slot] + (1 << SLOT_BITS)) & 0xF000) | slot);
        return slot;
    }

    int commandId(int slot) {
        return (int) COMMAND_ID.getAcquire(commandIds, slot);
    }

    /// Notes that a command was shown to the controller.
    void stamp(int slot, long time) {
        STAMP.setOpaque(stamps, slot, time);
    }

    /// When a command was shown to the controller, for the watch.
    long stamp(int slot) {
        return (long) STAMP.getAcquire(stamps, slot);
    }

    /// Ends a command.
    ///
    /// @param commandId as the controller gave it
    /// @return its request, -1 if no such command is in flight
    int end(int commandId) {
        int slot = commandId & SLOT_MASK;
        if (slot >= requests.length || requests[slot] < 0 || commandIds[slot] != commandId) {
            return -1;
        }
        int request = requests[slot];
        requests[slot] = -1;
        STAMP.setOpaque(stamps, slot, 0L);
        free[freeCount++] = slot;
        return request;
    }

    /// The request of a slot, -1 for a free one.
    int request(int slot) {
        return requests[slot];
    }

    void expire(int slot) {
        expired[slot] = true;
    }

    boolean isExpired(int slot) {
        return expired[slot];
    }

    static int slot(int commandId) {
        return commandId & SLOT_MASK;
    }
}
