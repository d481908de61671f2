package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The commands in the controller. They are executed in the order of their queues, or in one that
/// the seed chooses: the specification orders no two of them (Base 2.0, section 3.3).
final class InFlight {
    static final int LIMIT = 1024;

    /// Answers of an execution that did not end its command.
    static final int PENDING = -1;

    private final Controller controller;
    private final Command[] commands = new Command[LIMIT];

    /// The first of [#commands] are those in the controller, the others are free.
    private int count;

    private long random;
    private final boolean shuffled;
    private long completed;
    private long outOfOrder;

    InFlight(Controller controller, boolean shuffled, long seed) {
        this.controller = controller;
        this.shuffled = shuffled;
        random = seed | 1;
        for (int i = 0; i < LIMIT; i++) {
            commands[i] = new Command();
        }
    }

    int room() {
        return LIMIT - count;
    }

    int count() {
        return count;
    }

    void clear() {
        for (int i = 0; i < count; i++) {
            commands[i].state = Command.State.FREE;
        }
        count = 0;
    }

    void fetch(SubmissionQueue queue, MemorySegment memory, long at) {
        Command command = commands[count++];
        command.fetch(queue, memory, at);
        if (!queue.take(command.id)) {
            controller.violation(
                    "command identifier in use (Base 2.0, 3.3.3.1)", command.toString());
            command.state = Command.State.DONE;
            command.status = Status.COMMAND_ID_CONFLICT;
            command.result = 0;
        }
    }

    /// Executes and completes what can be.
    ///
    /// @return how many commands ended or moved
    int run(long now) {
        if (count == 0) {
            return 0;
        }
        if (shuffled && count > 1) {
            shuffle();
        }
        int epoch = controller.epoch();
        int done = 0;
        int present = count;
        for (int i = 0; i < present; i++) {
            if (step(commands[i], now)) {
                done++;
            }
            if (controller.epoch() != epoch) {
                return done; // A reset or a loss of power took all of them.
            }
        }
        // Entries that are written one after the other cross to the driver's core four at a time.
        for (int i = 0; i < present; i++) {
            if (commands[i].state == Command.State.DONE) {
                boolean _ = finish(commands[i]);
            }
        }
        compact();
        return done;
    }

    private boolean step(Command command, long now) {
        return switch (command.state) {
            case DELAYED -> {
                boolean due = now - command.dueAt >= 0;
                if (due) {
                    execute(command);
                } else {
                    controller.wakeAt(command.dueAt);
                }
                yield due;
            }
            case READY -> {
                if (!controller.faults.intercepts(command, now)) {
                    execute(command);
                }
                yield true;
            }
            case DONE -> controller.queues.hasRoom(command.queue.completions);
            case FREE, STUCK, WAITING -> false;
        };
    }

    private void execute(Command command) {
        command.result = 0;
        int status =
                command.isAdmin()
                        ? controller.admin.execute(command)
                        : controller.io.execute(command);
        if (status != PENDING) {
            if (command.isAdmin()) {
                end(command, status);
            } else {
                command.status = status;
                command.state = Command.State.DONE;
            }
        }
    }

    /// Ends a command; its completion follows at once, or when there is room for it.
    void end(Command command, int status) {
        command.status = status;
        command.state = Command.State.DONE;
        boolean _ = finish(command);
    }

    /// Notes the end of a command outside of a tick.
    void endLater(Command command, int status, long result) {
        command.status = status;
        command.result = result;
        command.state = Command.State.DONE;
        controller.context().wake();
    }

    private boolean finish(Command command) {
        SubmissionQueue queue = command.queue;
        if (!controller.queues.hasRoom(queue.completions)) {
            return false;
        }
        // The phase tag is put in by an exclusive or, so that a fault can turn it over.
        int dw3 = command.id | command.status << 17;
        int head = queue.head;
        if (controller.faults.corruptsCompletions()) {
            dw3 = controller.faults.corrupt(command, dw3);
            head = controller.faults.corruptHead(command, head);
        }
        queue.release(command.id);
        command.state = Command.State.FREE;
        count(command, queue);
        controller.queues.post(queue.completions, command.result, head, queue.id, dw3);
        if (command.status != Status.SUCCESS) {
            controller.failed(command);
        }
        return true;
    }

    private void count(Command command, SubmissionQueue queue) {
        if (queue.id == 0) {
            return;
        }
        completed++;
        if (command.sequence < queue.completed) {
            outOfOrder++;
        } else {
            queue.completed = command.sequence;
        }
    }

    /// Commands of I/O queues that were completed.
    long completed() {
        return completed;
    }

    /// Those of them that were fetched before one that was completed already.
    long outOfOrder() {
        return outOfOrder;
    }

    private void shuffle() {
        long x = random;
        for (int i = count - 1; i > 0; i--) {
            x ^= x << 13;
            x ^= x >>> 7;
            x ^= x << 17;
            int j = (int) (((x >>> 33) * (i + 1)) >>> 31);
            Command other = commands[j];
            commands[j] = commands[i];
            commands[i] = other;
        }
        random = x;
    }

    private void compact() {
        int kept = 0;
        for (int i = 0; i < count; i++) {
            Command command = commands[i];
            if (command.state != Command.State.FREE) {
                commands[i] = commands[kept];
                commands[kept++] = command;
            }
        }
        count = kept;
    }

    /// Looks for a command by queue and identifier, for Abort.
    ///
    /// @return null if it is not in the controller
    @Nullable Command find(int queue, int id) {
        for (int i = 0; i < count; i++) {
            Command command = commands[i];
            if (isLive(command) && command.queue.id == queue && command.id == id) {
                return command;
            }
        }
        return null;
    }

    /// Ends all commands of a queue that is deleted. Base 2.0, section 5.7.
    void abortAll(SubmissionQueue queue) {
        for (int i = 0; i < count; i++) {
            Command command = commands[i];
            if (isLive(command) && command.queue == queue) {
                command.result = 0;
                end(command, Status.ABORTED_SQ_DELETION);
            }
        }
    }

    /// Drops the completions of a queue that goes, for which there was no room.
    void forget(SubmissionQueue queue) {
        for (int i = 0; i < count; i++) {
            if (commands[i].queue == queue) {
                commands[i].state = Command.State.FREE;
            }
        }
    }

    private static boolean isLive(Command command) {
        return command.state != Command.State.FREE && command.state != Command.State.DONE;
    }

    /// The oldest asynchronous event request that waits.
    @Nullable Command waitingEventRequest() {
        Command found = null;
        for (int i = 0; i < count; i++) {
            Command command = commands[i];
            if (command.state == Command.State.WAITING
                    && (found == null || command.dueAt < found.dueAt)) {
                found = command;
            }
        }
        return found;
    }

    int waitingEventRequests() {
        int waiting = 0;
        for (int i = 0; i < count; i++) {
            if (commands[i].state == Command.State.WAITING) {
                waiting++;
            }
        }
        return waiting;
    }
}
