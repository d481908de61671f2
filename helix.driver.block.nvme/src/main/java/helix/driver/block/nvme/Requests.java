package helix.driver.block.nvme;

import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The requests of one queue: tag, commands left, first error, and the memory held. For the queue's
/// owner alone.
final class Requests {
    private final int[] free;
    private int freeCount;
    private final int[] tags;
    private final int[] commandsLeft;
    private final int[] statuses;
    private final int[] heldCounts;
    private final @Nullable DmaBuffer[] held;
    private final int maxSegments;

    /// Requests that ended otherwise than by the ring, to be taken by the next poll.
    private final int[] ended;

    private int endedCount;

    Requests(int depth, int maxSegments) {
        this.maxSegments = maxSegments;
        free = new int[depth];
        tags = new int[depth];
        commandsLeft = new int[depth];
        statuses = new int[depth];
        heldCounts = new int[depth];
        held = new @Nullable DmaBuffer[depth * maxSegments];
        ended = new int[depth];
        freeCount = depth;
        for (int i = 0; i < depth; i++) {
            free[i] = depth - 1 - i;
        }
    }

    /// What the next generation needs to know of them. Of the memory nothing: it is the clients'.
    QueueState.Outstanding save() {
        boolean[] isFree = new boolean[free.length];
        for (int i = 0; i < freeCount; i++) {
            isFree[free[i]] = true;
        }
        int count = inFlight();
        int[] numbers = new int[count];
        int[] savedTags = new int[count];
        int[] left = new int[count];
        int[] savedStatuses = new int[count];
        int n = 0;
        for (int request = 0; request < free.length; request++) {
            if (!isFree[request]) {
                numbers[n] = request;
                savedTags[n] = tags[request];
                left[n] = commandsLeft[request];
                savedStatuses[n++] = statuses[request];
            }
        }
        return new QueueState.Outstanding(
                free.length,
                numbers,
                savedTags,
                left,
                savedStatuses,
                Arrays.copyOf(ended, endedCount));
    }

    /// Takes over the requests of the generation before.
    void restore(QueueState.Outstanding saved) {
        boolean[] inFlight = new boolean[free.length];
        for (int i = 0; i < saved.numbers().length; i++) {
            int request = saved.numbers()[i];
            inFlight[request] = true;
            tags[request] = saved.tags()[i];
            commandsLeft[request] = saved.commandsLeft()[i];
            statuses[request] = saved.statuses()[i];
        }
        freeCount = 0;
        for (int request = free.length - 1; request >= 0; request--) {
            if (!inFlight[request]) {
                free[freeCount++] = request;
            }
        }
        endedCount = saved.ended().length;
        System.arraycopy(saved.ended(), 0, ended, 0, endedCount);
    }

    /// Forgets all requests, which are the next generation's now, and drops their memory, which is
    /// their clients'.
    void passOn() {
        for (int request = 0; request < free.length; request++) {
            dropAll(request);
        }
        endedCount = 0;
        freeCount = free.length;
    }

    int depth() {
        return free.length;
    }

    int inFlight() {
        return free.length - freeCount;
    }

    /// Takes a request; one must be free.
    int take(int tag) {
        int request = free[--freeCount];
        tags[request] = tag;
        commandsLeft[request] = 0;
        statuses[request] = BlockStatus.OK;
        heldCounts[request] = 0;
        return request;
    }

    /// Holds the memory of a request, neighbours in the same buffer once.
    void hold(int request, ScatterList list) {
        DmaBuffer last = null;
        for (int i = 0; i < list.size(); i++) {
            DmaBuffer buffer = list.buffer(i);
            if (buffer != last) {
                buffer.hold();
                held[request * maxSegments + heldCounts[request]++] = buffer;
                last = buffer;
            }
        }
    }

    void addCommand(int request) {
        commandsLeft[request]++;
    }

    /// Notes that a command ended. The first error is the request's.
    ///
    /// @return whether it was the last
    boolean commandEnded(int request, int status) {
        if (status != BlockStatus.OK && statuses[request] == BlockStatus.OK) {
            statuses[request] = status;
        }
        return --commandsLeft[request] == 0;
    }

    /// Ends a request at once, for the next poll.
    void endNow(int request, int status) {
        statuses[request] = status;
        endLater(request);
    }

    /// Leaves an ended request to the next poll.
    void endLater(int request) {
        ended[endedCount++] = request;
    }

    /// Ends all commands in flight; the requests that waited for them are left to the polls to
    /// come.
    ///
    /// @param status what they end with; OUTCOME_UNKNOWN keeps their memory held for good
    /// @param expired what those end with that were over their time
    void endAll(Slots slots, int status, int expired) {
        for (int slot = 0; slot < slots.count(); slot++) {
            int request = slots.request(slot);
            if (request >= 0) {
                slots.end(slots.commandId(slot));
                if (status == BlockStatus.OUTCOME_UNKNOWN) {
                    abandonMemory(request);
                }
                if (commandEnded(request, slots.isExpired(slot) ? expired : status)) {
                    endLater(request);
                }
            }
        }
    }

    /// Ends all commands in flight and frees the requests unheard.
    void freeAll(Slots slots) {
        endAll(slots, BlockStatus.ABORTED, BlockStatus.ABORTED);
        for (int r = takeEnded(); r >= 0; r = takeEnded()) {
            free(r);
        }
    }

    /// Keeps the memory of a request held for good, because a device may still write to it.
    private void abandonMemory(int request) {
        int from = request * maxSegments;
        Arrays.fill(held, from, from + heldCounts[request], null);
        heldCounts[request] = 0;
    }

    /// Takes a request that ended otherwise than by the ring.
    ///
    /// @return the request, -1 if there is none
    int takeEnded() {
        return endedCount == 0 ? -1 : ended[--endedCount];
    }

    boolean hasEnded() {
        return endedCount > 0;
    }

    int tag(int request) {
        return tags[request];
    }

    int status(int request) {
        return statuses[request];
    }

    /// Frees a request and drops its memory.
    void free(int request) {
        dropAll(request);
        free[freeCount++] = request;
    }

    private void dropAll(int request) {
        int from = request * maxSegments;
        for (int i = from; i < from + heldCounts[request]; i++) {
            DmaBuffer buffer = held[i];
            held[i] = null;
            if (buffer != null) {
                buffer.drop();
            }
        }
        heldCounts[request] = 0;
    }
}
