package helix.hal.vhostuser;

import helix.posix.EventFd;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/// Eventfds that are lent and come back. None is closed before the machine's end: a back-end may
/// still signal one, and a descriptor's number that became something else's would be hit by whoever
/// signals it without asking first.
final class EventFds implements AutoCloseable {
    private final List<EventFd> all = new ArrayList<>();
    private final Deque<EventFd> free = new ArrayDeque<>();

    /// Takes one whose counter is 0.
    synchronized EventFd take() {
        EventFd eventFd = free.poll();
        if (eventFd == null) {
            eventFd = EventFd.create();
            all.add(eventFd);
        }
        long _ = eventFd.drain();
        return eventFd;
    }

    /// Gives one back.
    synchronized void giveBack(EventFd eventFd) {
        free.add(eventFd);
    }

    @Override
    public synchronized void close() {
        all.forEach(EventFd::close);
    }
}
