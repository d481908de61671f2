package helix.benchmarks;

import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.util.tracker.ServiceTracker;

/// Services that come when the platform is ready.
final class Services {
    private Services() {}

    /// Waits for a service.
    ///
    /// @param filter an LDAP filter of its properties
    /// @throws IllegalStateException if it does not come
    static <T> T await(BundleContext context, Class<T> type, String filter, long millis)
            throws InterruptedException {
        ServiceTracker<T, T> tracker;
        try {
            tracker =
                    new ServiceTracker<>(
                            context,
                            FrameworkUtil.createFilter(
                                    "(&(objectClass=%s)%s)".formatted(type.getName(), filter)),
                            null);
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException(filter, e);
        }
        tracker.open();
        try {
            T service = tracker.waitForService(millis);
            if (service == null) {
                throw new IllegalStateException(
                        "no %s %s came within %d ms"
                                .formatted(type.getSimpleName(), filter, millis));
            }
            return service;
        } finally {
            tracker.close();
        }
    }
}
