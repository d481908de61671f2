package helix.hal.sim.nvme;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/// Asynchronous events and the requests that wait for them. Base 2.0, section 5.2. After an event
/// of a type further ones are held back until its log page is read.
final class AsyncEvents {
    /// Asynchronous Event Request Limit, 0's based.
    static final int LIMIT = 3;

    static final int INVALID_DOORBELL_REGISTER = 0x00;
    static final int INVALID_DOORBELL_VALUE = 0x01;
    static final int NAMESPACE_CHANGED = 0x00;
    static final int TEMPERATURE = 0x01;

    private static final int ERROR = 0;
    private static final int HEALTH = 1;
    private static final int NOTICE = 2;
    private static final int TYPES = 3;
    private static final int MOST_WAITING = 16;

    private final Controller controller;
    private final Deque<Integer> waiting = new ArrayDeque<>();
    private final boolean[] masked = new boolean[TYPES];
    private long order;

    AsyncEvents(Controller controller) {
        this.controller = controller;
    }

    void reset() {
        waiting.clear();
        for (int i = 0; i < TYPES; i++) {
            masked[i] = false;
        }
    }

    /// Takes a request.
    ///
    /// @return a [Status], or [InFlight#PENDING]
    int request(Command command) {
        if (controller.flight.waitingEventRequests() > LIMIT) {
            return Status.ASYNC_EVENT_LIMIT;
        }
        command.state = Command.State.WAITING;
        command.dueAt = order++;
        deliver();
        return InFlight.PENDING;
    }

    /// An error of the driver that belongs to no command.
    void error(int information, int queue, int id) {
        controller.logs.error(queue, id, 0, 0, 0);
        raise(ERROR, information, LogPages.ERROR);
    }

    /// A critical warning that the driver asked to be told of.
    void health(int information, int criticalWarning) {
        if ((controller.features.asyncEvents() & criticalWarning) != 0) {
            raise(HEALTH, information, LogPages.SMART);
        }
    }

    /// A namespace came, went or changed. Section 5.2, optional event of OAES bit 8.
    void namespaceChanged(int nsid) {
        controller.logs.namespaceChanged(nsid);
        if ((controller.features.asyncEvents() & 1 << 8) != 0) {
            raise(NOTICE, NAMESPACE_CHANGED, LogPages.CHANGED_NAMESPACES);
        }
    }

    private void raise(int type, int information, int log) {
        int event = type | information << 8 | log << 16;
        if (waiting.size() < MOST_WAITING && !waiting.contains(event)) {
            waiting.add(event);
        }
        deliver();
    }

    private void deliver() {
        Integer event;
        while ((event = next()) != null) {
            Command request = controller.flight.waitingEventRequest();
            if (request == null) {
                return;
            }
            waiting.remove(event);
            masked[event & 7] = true;
            controller.flight.endLater(request, Status.SUCCESS, event);
        }
    }

    private @Nullable Integer next() {
        for (Integer event : waiting) {
            if (!masked[event & 7]) {
                return event;
            }
        }
        return null;
    }

    /// A log page was read without Retain Asynchronous Event.
    void logRead(int log) {
        switch (log) {
            case LogPages.ERROR -> masked[ERROR] = false;
            case LogPages.SMART -> masked[HEALTH] = false;
            case LogPages.CHANGED_NAMESPACES -> masked[NOTICE] = false;
            default -> {
                return;
            }
        }
        deliver();
    }
}
