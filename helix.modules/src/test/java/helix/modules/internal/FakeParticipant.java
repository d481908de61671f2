package helix.modules.internal;

import helix.hal.api.Deadline;
import helix.modules.api.reload.ReloadParticipant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/// A subsystem that notes what it is told, and does what a test wants.
final class FakeParticipant implements ReloadParticipant {
    /// What it was told: `0000:00:04.0 park`.
    final List<String> log = new CopyOnWriteArrayList<>();

    /// What happens in a step: by `park`.
    final Map<String, Runnable> hooks = new ConcurrentHashMap<>();

    final AtomicLong completions = new AtomicLong();
    volatile boolean parks = true;

    /// Whether what is in flight ends in time.
    volatile boolean drains = true;

    private void told(String device, String step) {
        log.add(device + " " + step);
        Runnable hook = hooks.get(step);
        if (hook != null) {
            hook.run();
        }
    }

    @Override
    public List<String> consumers(String deviceId) {
        return List.of("g0 open by a test");
    }

    @Override
    public long completions(String deviceId) {
        return completions.get();
    }

    @Override
    public Passage begin(String deviceId) {
        told(deviceId, "begin");
        return new Passage() {
            @Override
            public boolean park(Deadline deadline) {
                told(deviceId, "park");
                return parks;
            }

            @Override
            public boolean drain(Deadline deadline) {
                told(deviceId, "drain");
                while (!drains && !deadline.isExpired()) {
                    LockSupport.parkNanos(deadline.remainingNanos());
                }
                return drains;
            }

            @Override
            public void verify(Deadline deadline) {
                told(deviceId, "verify");
            }

            @Override
            public Counts resume() {
                told(deviceId, "resume");
                return new Counts(1, 2, 3, 4);
            }

            @Override
            public void close() {
                told(deviceId, "close");
            }
        };
    }
}
