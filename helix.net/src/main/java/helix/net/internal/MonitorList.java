package helix.net.internal;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.net.api.NetworkInterface.Monitor;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Who is shown an interface's frames. Costs a volatile read a burst while there is nobody.
final class MonitorList {
    private static final Logger LOG = LoggerFactory.getLogger(MonitorList.class);
    private static final long NANOS = 1_000_000_000L;

    private volatile @Nullable List<Monitor> monitors;

    /// Adds one.
    ///
    /// @return ends it
    synchronized AutoCloseable add(Monitor monitor) {
        // An object of its own: the same monitor may be added twice.
        Monitor entry =
                (sent, nanos, memory, offset, length, more) ->
                        monitor.frame(sent, nanos, memory, offset, length, more);
        List<Monitor> now = monitors;
        List<Monitor> more = new ArrayList<>(now == null ? List.of() : now);
        more.add(entry);
        monitors = List.copyOf(more);
        return () -> remove(entry);
    }

    private synchronized void remove(Monitor entry) {
        List<Monitor> now = monitors;
        if (now != null) {
            List<Monitor> fewer = new ArrayList<>(now);
            fewer.remove(entry);
            monitors = fewer.isEmpty() ? null : List.copyOf(fewer);
        }
    }

    /// Whether there is none.
    boolean isEmpty() {
        return monitors == null;
    }

    /// Shows entries of a burst.
    void show(boolean sent, FramePool pool, Burst burst, int from, int to) {
        List<Monitor> now = monitors;
        if (now == null || from >= to) {
            return;
        }
        Instant clock = Instant.now();
        long nanos = clock.getEpochSecond() * NANOS + clock.getNano();
        for (Monitor monitor : now) {
            try {
                for (int i = from; i < to; i++) {
                    monitor.frame(
                            sent,
                            nanos,
                            pool.segment(),
                            pool.at(burst.frame(i)),
                            burst.length(i),
                            (burst.flags(i) & Burst.MORE) != 0);
                }
            } catch (RuntimeException e) {
                // The user of the interface does not hear of it.
                LOG.warn("a monitor fails and is shown nothing any more", e);
                remove(monitor);
            }
        }
    }
}
