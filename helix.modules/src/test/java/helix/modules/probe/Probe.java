package helix.modules.probe;

import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleState;
import helix.modules.api.Request;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/// What the probe driver does and has done, by device.
public final class Probe {
    /// A step of a module's life as a test wants it.
    @FunctionalInterface
    public interface Hook {
        @Nullable Object call(@Nullable ModuleContext context) throws Exception;
    }

    /// What modules did: `0000:00:01.0 init`.
    public static final List<String> LOG = new CopyOnWriteArrayList<>();

    /// Steps as a test wants them: by `0000:00:01.0 init` or just `init`.
    public static final Map<String, Hook> HOOKS = new ConcurrentHashMap<>();

    /// Limits as a test wants them.
    public static final Map<Module.Step, java.time.Duration> LIMITS = new ConcurrentHashMap<>();

    /// What state revisions save and take over, by version.
    public static final Map<String, ModuleState.Schema> SCHEMAS = new ConcurrentHashMap<>();

    private static volatile CountDownLatch hang = new CountDownLatch(1);

    private Probe() {}

    public static @Nullable Object call(String device, String step, @Nullable ModuleContext context)
            throws Exception {
        LOG.add(device + " " + step);
        Hook hook = HOOKS.getOrDefault(device + " " + step, HOOKS.get(step));
        return hook == null ? null : hook.call(context);
    }

    /// A step that is not logged.
    public static void hook(String step) {
        Hook hook = HOOKS.get(step);
        if (hook == null) {
            return;
        }
        try {
            hook.call(null);
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /// The same for a step that some revision takes otherwise: by `init@2.0.0` or as above.
    public static @Nullable Object call(
            String device, String step, String version, @Nullable ModuleContext context)
            throws Exception {
        Hook hook = HOOKS.get(step + "@" + version);
        if (hook == null) {
            return call(device, step, context);
        }
        LOG.add(device + " " + step);
        return hook.call(context);
    }

    public static Object answer(String device, Request request) {
        try {
            Object answer = call(device, "request " + request.name(), null);
            return answer == null ? Map.of("echo", request.arguments()) : answer;
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /// Hangs as bad code does, deaf to interrupts, until the test is over.
    public static void hang() {
        CountDownLatch latch = hang;
        boolean out = false;
        while (!out) {
            try {
                latch.await();
                out = true;
            } catch (InterruptedException e) {
                LOG.add("interrupted");
            }
        }
    }

    /// Lets what hangs return.
    public static void release() {
        hang.countDown();
    }

    public static void reset() {
        release();
        SCHEMAS.clear();
        hang = new CountDownLatch(1);
        LOG.clear();
        HOOKS.clear();
        LIMITS.clear();
    }
}
