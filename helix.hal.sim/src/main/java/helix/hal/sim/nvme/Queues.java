package helix.hal.sim.nvme;

import helix.hal.sim.api.DmaPort;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// All queues, their doorbells in registers and in memory, fetching and completing. Base 2.0,
/// section 3.3 and annex B.5; NVMe over PCIe 1.0, section 3.1.2.
final class Queues {
    private static final int PIECE = 4096;

    private final Controller controller;
    private final @Nullable SubmissionQueue[] submissions;
    private final @Nullable CompletionQueue[] completions;

    /// The queues there are, without gaps.
    private SubmissionQueue[] fetched = {};

    private CompletionQueue[] completed = {};
    private long shadowDoorbells;
    private long eventIndexes;
    private boolean hasShadow;
    private long tick;
    private long wraps;

    Queues(Controller controller, int pairs) {
        this.controller = controller;
        submissions = new SubmissionQueue[pairs + 1];
        completions = new CompletionQueue[pairs + 1];
    }

    void clear() {
        Arrays.fill(submissions, null);
        Arrays.fill(completions, null);
        hasShadow = false;
        list();
    }

    private void list() {
        fetched =
                Arrays.stream(submissions)
                        .filter(queue -> queue != null)
                        .toArray(SubmissionQueue[]::new);
        completed =
                Arrays.stream(completions)
                        .filter(queue -> queue != null)
                        .toArray(CompletionQueue[]::new);
    }

    void createAdmin(int entries, long asq, int completionEntries, long acq) {
        CompletionQueue queue = new CompletionQueue(0, completionEntries, acq, true, 0);
        add(queue);
        add(new SubmissionQueue(0, entries, asq, queue));
    }

    /// How often I/O completion queues began anew.
    long wraps() {
        return wraps;
    }

    int limit() {
        return submissions.length - 1;
    }

    @Nullable SubmissionQueue submission(int id) {
        return id < submissions.length ? submissions[id] : null;
    }

    @Nullable CompletionQueue completion(int id) {
        return id < completions.length ? completions[id] : null;
    }

    CompletionQueue[] completionQueues() {
        return completed;
    }

    void add(SubmissionQueue queue) {
        submissions[queue.id] = queue;
        queue.completions.users++;
        if (hasShadow && queue.id != 0) {
            queue.shadow = 8L * queue.id;
        }
        list();
    }

    void add(CompletionQueue queue) {
        completions[queue.id] = queue;
        if (hasShadow && queue.id != 0) {
            queue.shadow = 8L * queue.id + 4;
        }
        list();
    }

    void remove(SubmissionQueue queue) {
        submissions[queue.id] = null;
        queue.completions.users--;
        list();
    }

    void remove(CompletionQueue queue) {
        completions[queue.id] = null;
        list();
    }

    boolean hasShadow() {
        return hasShadow;
    }

    boolean hasIoQueues() {
        return fetched.length + completed.length > 2;
    }

    /// Whether a completion queue whose interrupts are on has entries.
    boolean hasInterruptingEntries() {
        for (CompletionQueue queue : completed) {
            if (queue.interrupts && queue.occupied() != 0) {
                return true;
            }
        }
        return false;
    }

    // ---- Doorbells

    /// Doorbell Buffer Config, Base 2.0, section 5.8. Queues that are there begin with the values
    /// that they have.
    void useShadow(long doorbells, long events) {
        shadowDoorbells = doorbells;
        eventIndexes = events;
        hasShadow = true;
        for (SubmissionQueue queue : fetched) {
            if (queue.id != 0) {
                queue.shadow = 8L * queue.id;
                store(doorbells + queue.shadow, queue.tail);
            }
        }
        for (CompletionQueue queue : completed) {
            if (queue.id != 0) {
                queue.shadow = 8L * queue.id + 4;
                store(doorbells + queue.shadow, queue.head);
            }
        }
    }

    private void store(long address, int value) {
        DmaPort dma = controller.dma();
        long at = dma.translate(address, 4, true);
        if (at != DmaPort.REFUSED) {
            Little.setIntRelease(dma.memory(), at, value);
        }
    }

    /// A write to a doorbell register.
    void doorbell(int offset, int value) {
        int number = (offset - ControllerRegisters.DOORBELLS) / 4;
        int id = number / 2;
        boolean isHead = number % 2 == 1;
        if (id > limit()) {
            invalidRegister(id, isHead, value);
        } else if (isHead) {
            CompletionQueue queue = completions[id];
            if (queue == null) {
                invalidRegister(id, true, value);
            } else if (queue.shadow < 0) {
                head(queue, value);
            } else {
                refreshHead(queue);
            }
            controller.interrupts.updateLine();
        } else {
            SubmissionQueue queue = submissions[id];
            if (queue == null) {
                invalidRegister(id, false, value);
            } else if (queue.shadow < 0) {
                tail(queue, value);
            } else {
                // The register only says that the value in memory is new.
                queue.published = -1;
            }
        }
    }

    private void invalidRegister(int id, boolean isHead, int value) {
        controller.violation(
                "doorbell of a queue that is not there (NVMe over PCIe 1.0, 3.1.2)",
                "%s of queue %d = %d".formatted(isHead ? "head" : "tail", id, value));
        controller.events.error(AsyncEvents.INVALID_DOORBELL_REGISTER, id, 0);
    }

    private void invalidValue(String what, int id, int before, int value) {
        controller.violation(
                "doorbell value invalid (Base 2.0, 3.3.1.2)",
                "%s of queue %d from %d to %d".formatted(what, id, before, value));
        controller.events.error(AsyncEvents.INVALID_DOORBELL_VALUE, id, 0);
    }

    private void tail(SubmissionQueue queue, int value) {
        int added = value - queue.tail;
        added = added < 0 ? added + queue.size : added;
        if (value < 0 || value >= queue.size || added > queue.size - 1 - queue.waiting()) {
            invalidValue("tail", queue.id, queue.tail, value);
            if (queue.shadow >= 0) {
                controller.registers.fatal("invalid doorbell value in memory");
            }
            return;
        }
        queue.tail = value;
    }

    private void head(CompletionQueue queue, int value) {
        int taken = value - queue.head;
        taken = taken < 0 ? taken + queue.size : taken;
        if (value < 0 || value >= queue.size || taken > queue.occupied()) {
            invalidValue("head", queue.id, queue.head, value);
            if (queue.shadow >= 0) {
                controller.registers.fatal("invalid doorbell value in memory");
            }
            return;
        }
        queue.head = value;
    }

    private void refreshTail(SubmissionQueue queue) {
        int value = load(shadowDoorbells + queue.shadow);
        if (value != queue.tail) {
            tail(queue, value);
        }
    }

    private void refreshHead(CompletionQueue queue) {
        int value = load(shadowDoorbells + queue.shadow);
        if (value != queue.head) {
            head(queue, value);
        }
    }

    private int load(long address) {
        DmaPort dma = controller.dma();
        long at = dma.translate(address, 4, false);
        if (at == DmaPort.REFUSED) {
            controller.registers.fatal("shadow doorbell buffer cannot be read");
            return 0;
        }
        return Little.getIntAcquire(dma.memory(), at);
    }

    /// Asks for register writes, because nobody looks at memory from now on.
    ///
    /// @return whether something came meanwhile, so that there is work after all
    boolean sleep() {
        if (!hasShadow) {
            return false;
        }
        boolean published = false;
        for (SubmissionQueue queue : fetched) {
            if (queue.shadow >= 0 && queue.published != queue.tail) {
                queue.published = queue.tail;
                store(eventIndexes + queue.shadow, queue.tail);
                published = true;
            }
        }
        boolean line = controller.interrupts.isLineRaised();
        for (CompletionQueue queue : completed) {
            if (queue.shadow >= 0 && (line || queue.isFull()) && queue.published != queue.head) {
                queue.published = queue.head;
                store(eventIndexes + queue.shadow, queue.head);
                published = true;
            }
        }
        if (!published) {
            return false;
        }
        // The driver stores a doorbell and then loads the index; this is the other half.
        VarHandle.fullFence();
        return hasNews();
    }

    private boolean hasNews() {
        boolean news = false;
        for (SubmissionQueue queue : fetched) {
            if (queue.shadow >= 0) {
                refreshTail(queue);
                news |= queue.head != queue.tail;
            }
        }
        for (CompletionQueue queue : completed) {
            if (queue.shadow >= 0) {
                int before = queue.head;
                refreshHead(queue);
                news |= queue.head != before;
            }
        }
        return news;
    }

    // ---- Fetching

    /// Fetches from all queues in turn, up to a burst of each.
    ///
    /// @return how many commands
    int fetch(InFlight flight, int burst) {
        tick++;
        int count = 0;
        for (SubmissionQueue queue : fetched) {
            if (queue.shadow >= 0) {
                refreshTail(queue);
            }
            if (queue.head != queue.tail) {
                count += fetch(queue, flight, burst);
            }
        }
        return count;
    }

    private int fetch(SubmissionQueue queue, InFlight flight, int burst) {
        DmaPort dma = controller.dma();
        MemorySegment memory = dma.memory();
        int left = Math.min(Math.min(queue.waiting(), burst), flight.room());
        int count = 0;
        while (count < left) {
            long address = queue.address + (long) queue.head * SubmissionQueue.ENTRY_BYTES;
            int inPage = (int) (PIECE - (address & PIECE - 1)) / SubmissionQueue.ENTRY_BYTES;
            int run = Math.min(Math.min(left - count, inPage), queue.size - queue.head);
            long bytes = (long) run * SubmissionQueue.ENTRY_BYTES;
            long at = dma.translate(address, bytes, false);
            if (at == DmaPort.REFUSED) {
                controller.registers.fatal("submission queue " + queue.id + " cannot be read");
                return count;
            }
            for (int i = 0; i < run; i++) {
                flight.fetch(queue, memory, at + (long) i * SubmissionQueue.ENTRY_BYTES);
            }
            count += run;
            int head = queue.head + run;
            queue.head = head == queue.size ? 0 : head;
        }
        return count;
    }

    // ---- Completing

    boolean hasRoom(CompletionQueue queue) {
        if (!queue.isFull()) {
            return true;
        }
        if (queue.shadow >= 0) {
            refreshHead(queue);
            return !queue.isFull();
        }
        return false;
    }

    /// Posts an entry. The store of its last dword, with the phase, makes it visible.
    void post(CompletionQueue queue, long result, int queueHead, int id, int dw3) {
        DmaPort dma = controller.dma();
        long address = queue.address + (long) queue.tail * CompletionQueue.ENTRY_BYTES;
        long inPiece = address & PIECE - 1;
        if (queue.pieceTick != tick || queue.piece != address - inPiece) {
            long end = queue.address + (long) queue.size * CompletionQueue.ENTRY_BYTES;
            long begin = Math.max(address - inPiece, queue.address);
            long bytes = Math.min(address - inPiece + PIECE, end) - begin;
            long at = dma.translate(begin, bytes, true);
            if (at == DmaPort.REFUSED) {
                controller.registers.fatal("completion queue " + queue.id + " cannot be written");
                return;
            }
            queue.pieceTick = tick;
            queue.piece = address - inPiece;
            queue.pieceOffset = at - (begin - queue.piece);
        }
        MemorySegment memory = dma.memory();
        long at = queue.pieceOffset + inPiece;
        Little.setLong(memory, at, result);
        Little.setInt(memory, at + 8, queueHead | id << 16);
        Little.setIntRelease(memory, at + 12, dw3 ^ queue.phase << 16);
        if (++queue.tail == queue.size) {
            queue.tail = 0;
            queue.phase ^= 1;
            wraps += queue.id == 0 ? 0 : 1;
        }
        queue.unsent++;
    }

    /// Ends the time for which translations hold.
    void endTick() {
        tick++;
    }
}
