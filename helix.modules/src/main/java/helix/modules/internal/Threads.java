package helix.modules.internal;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/// Threads of the platform on which a module's code runs: named after it, and with its device and
/// name in each log line.
final class Threads {
    private Threads() {}

    static Thread start(String module, String deviceId, String role, Runnable body) {
        Thread thread =
                Thread.ofPlatform()
                        .name("helix-" + module + "-" + role)
                        .daemon(true)
                        .inheritInheritableThreadLocals(false)
                        .unstarted(() -> {
                            MDC.put("device", deviceId);
                            MDC.put("module", module);
                            try {
                                body.run();
                            } finally {
                                MDC.clear();
                            }
                        });
        // Not the starter's loader, which may be that of a driver that goes before this thread.
        thread.setContextClassLoader(Threads.class.getClassLoader());
        thread.start();
        return thread;
    }

    /// Runs code that may hang on a thread of its own, and waits for it.
    ///
    /// @return null if it has ended, else its thread
    static @Nullable Thread within(
            Duration limit, String module, String deviceId, String role, Runnable body)
            throws InterruptedException {
        Thread thread = start(module, deviceId, role, body);
        return thread.join(limit) ? null : thread;
    }

    /// The thread of that name, or null: for one that is the HAL's, and only once something of a
    /// module hangs there.
    static @Nullable Thread find(String name) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.getName().equals(name))
                .findFirst()
                .orElse(null);
    }
}
