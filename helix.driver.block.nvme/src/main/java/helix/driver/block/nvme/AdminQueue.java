package helix.driver.block.nvme;

import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.DmaBuffer;
import helix.modules.api.StateReader;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/// The admin queue pair. Commands are executed one at a time by whoever holds the [#lock]; beside
/// them only Asynchronous Event Requests are outstanding.
///
/// The same lock guards the controller's life: who holds it sees a controller that is not reset
/// underneath.
final class AdminQueue {
    /// Enough for one command and the event requests without ever being full.
    static final int ENTRIES = 32;

    /// Asynchronous Event Requests have identifiers from here on.
    static final int FIRST_EVENT_ID = 0x8000;

    /// The size of the page that data of admin commands passes through.
    static final int DATA_BYTES = 4096;

    private static final int SPINS = 100;
    private static final long PAUSE_NANOS = 20_000;

    final ReentrantLock lock = new ReentrantLock();

    private final Controller controller;
    private final DmaBuffer submission;
    private final DmaBuffer completion;
    private final DmaBuffer data;
    private final int[] events = new int[ENTRIES];
    private int eventCount;
    private int tail;
    private int head;
    private int phase = 1;
    private int nextId;
    private int waitingFor = -1;
    private int lastResult;
    private int lastStatus;
    private boolean arrived;

    /// Which Asynchronous Event Requests the controller has, by bit.
    private int requests;

    AdminQueue(Controller controller, int pageBytes, int addressBits) {
        this.controller = controller;
        Hal hal = controller.hal();
        submission = hal.allocate(pageBytes, pageBytes, addressBits);
        completion = hal.allocate(pageBytes, pageBytes, addressBits);
        data = hal.allocate(pageBytes, pageBytes, addressBits);
    }

    /// Takes over the queues of the generation before.
    AdminQueue(Controller controller, int pageBytes, AdminState saved) {
        this.controller = controller;
        Hal hal = controller.hal();
        submission = hal.adopt(saved.submission());
        completion = hal.adopt(saved.completion());
        data = hal.adopt(saved.data());
        StateReader.require(
                Math.min(submission.size(), Math.min(completion.size(), data.size())) >= pageBytes,
                "admin queue without its pages; page bytes",
                pageBytes);
        tail = saved.tail();
        head = saved.head();
        phase = saved.phase();
        nextId = saved.nextId();
        requests = saved.requests();
        eventCount = saved.events().length / 2;
        System.arraycopy(saved.events(), 0, events, 0, saved.events().length);
    }

    /// What the next generation needs to go on. Called with the lock held, so no command is in
    /// flight but event requests.
    AdminState save() {
        return new AdminState(
                submission.address(),
                completion.address(),
                data.address(),
                tail,
                head,
                phase,
                nextId,
                requests,
                Arrays.copyOf(events, 2 * eventCount));
    }

    long submissionAddress() {
        return submission.address();
    }

    long completionAddress() {
        return completion.address();
    }

    /// Forgets everything in flight, for a controller that is disabled.
    void reset() {
        lock.lock();
        try {
            submission.segment().fill((byte) 0);
            completion.segment().fill((byte) 0);
            tail = 0;
            head = 0;
            phase = 1;
            eventCount = 0;
            requests = 0;
            waitingFor = -1;
        } finally {
            lock.unlock();
        }
    }

    /// Executes a command without data.
    ///
    /// @param command the command
    /// @param limit how long it may take
    /// @return DW0 of the completion
    /// @throws CommandFailedException if it ended with an error status
    /// @throws DeviceTimeoutException if it did not end; the controller is then reset
    /// @throws NotSentException if the machine stands still
    /// @throws DeviceGoneException if the controller is gone
    int execute(AdminCommand command, Duration limit) {
        lock.lock();
        try {
            int id = nextId;
            nextId = (nextId + 1) & (FIRST_EVENT_ID - 1);
            waitingFor = id;
            arrived = false;
            submit(command, id);
            await(command, limit);
            if (lastStatus != StatusCode.SUCCESS) {
                throw new CommandFailedException(controller.name(), command, lastStatus);
            }
            return lastResult;
        } finally {
            waitingFor = -1;
            lock.unlock();
        }
    }

    /// Executes a command that returns data.
    ///
    /// @param command the command; its data pointer is set here
    /// @param bytes how much it returns, at most [#DATA_BYTES]
    /// @param limit how long it may take
    /// @return a copy of the data on the heap
    MemorySegment read(AdminCommand command, int bytes, Duration limit) {
        lock.lock();
        try {
            data.segment().fill((byte) 0);
            execute(command.withPrp1(data.address()), limit);
            MemorySegment copy = MemorySegment.ofArray(new byte[bytes]);
            MemorySegment.copy(data.segment(), 0, copy, 0, bytes);
            return copy;
        } finally {
            lock.unlock();
        }
    }

    /// Leaves an Asynchronous Event Request with the controller.
    ///
    /// @param number which, 0 or more
    void requestEvent(int number) {
        lock.lock();
        try {
            // Noted first: an event that waits may complete the request at once.
            requests |= 1 << number;
            submit(AdminCommand.asyncEventRequest(), FIRST_EVENT_ID + number);
        } finally {
            lock.unlock();
        }
    }

    /// Takes an event that arrived: `number << 32 | DW0`.
    ///
    /// @return the event, -1 if there is none
    long takeEvent() {
        lock.lock();
        try {
            poll();
            if (eventCount == 0) {
                return -1;
            }
            int number = events[0];
            int result = events[1];
            eventCount--;
            System.arraycopy(events, 2, events, 0, 2 * eventCount);
            return (long) number << 32 | Integer.toUnsignedLong(result);
        } finally {
            lock.unlock();
        }
    }

    private void submit(AdminCommand command, int id) {
        SubmissionEntry.admin(submission.segment(), tail, id, command);
        int next = (tail + 1) % ENTRIES;
        try {
            controller.ringAdminTail(next);
        } catch (DeviceTimeoutException e) {
            controller.clock().stalled(e);
            throw new NotSentException(controller.name(), command, e);
        }
        tail = next;
    }

    private void await(AdminCommand command, Duration limit) {
        long end = System.nanoTime() + limit.toNanos();
        for (int round = 0; !arrived; round++) {
            poll();
            if (arrived) {
                return;
            }
            if (controller.isGone()) {
                throw new DeviceGoneException(
                        controller.name() + ": gone while executing " + command.name());
            }
            if (System.nanoTime() - end >= 0) {
                String message =
                        controller.name()
                                + ": no completion of "
                                + command.name()
                                + " after "
                                + limit
                                + "; "
                                + controller.registers().dump();
                controller.fault(command.name() + " timed out");
                throw new DeviceTimeoutException(message);
            }
            if (round < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    /// Takes completions. The head doorbell is written once for all of them.
    private void poll() {
        MemorySegment ring = completion.segment();
        int taken = 0;
        while (taken < ENTRIES) {
            int dw3 = CompletionEntry.dw3Acquire(ring, head);
            if (CompletionEntry.phase(dw3) != phase) {
                break;
            }
            take(CompletionEntry.CID.get(dw3), dw3, CompletionEntry.dw0(ring, head));
            head = (head + 1) % ENTRIES;
            if (head == 0) {
                phase ^= 1;
            }
            taken++;
        }
        if (taken > 0) {
            controller.ringAdminHead(head);
        }
    }

    private void take(int id, int dw3, int result) {
        int status = CompletionEntry.STATUS.get(dw3);
        if (id == waitingFor && !arrived) {
            lastResult = result;
            lastStatus = status;
            arrived = true;
        } else if (id >= FIRST_EVENT_ID && id < FIRST_EVENT_ID + AsyncEvents.MAX_REQUESTS) {
            requests &= ~(1 << (id - FIRST_EVENT_ID));
            if (status == StatusCode.SUCCESS && 2 * eventCount + 1 < events.length) {
                events[2 * eventCount] = id - FIRST_EVENT_ID;
                events[2 * eventCount + 1] = result;
                eventCount++;
            }
        } else {
            controller.fault("admin completion with unknown command identifier " + id);
        }
    }
}
