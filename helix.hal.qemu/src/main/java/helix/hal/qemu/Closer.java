package helix.hal.qemu;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Closes what was opened, in reverse order, whatever one of them throws.
final class Closer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Closer.class);

    private final Deque<AutoCloseable> opened = new ArrayDeque<>();

    /// Remembers something to close.
    ///
    /// @return the same
    synchronized <T extends AutoCloseable> T add(T resource) {
        opened.push(resource);
        return resource;
    }

    /// Closes all; a second call does nothing.
    @Override
    public void close() {
        for (AutoCloseable resource; (resource = poll()) != null; ) {
            try {
                resource.close();
            } catch (Exception e) {
                LOG.error("{} did not close", resource, e);
            }
        }
    }

    private synchronized @Nullable AutoCloseable poll() {
        return opened.poll();
    }
}
