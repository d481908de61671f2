package helix.modules.internal.reload;

import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongPredicate;
import org.osgi.framework.BundleContext;
import org.osgi.framework.BundleEvent;
import org.osgi.framework.SynchronousBundleListener;

/// Counts what a reload does to bundles that are none of its business.
public final class BundleWatch implements AutoCloseable {
    private static final Set<Integer> TOUCHING =
            Set.of(
                    BundleEvent.STOPPED,
                    BundleEvent.UPDATED,
                    BundleEvent.UNRESOLVED,
                    BundleEvent.UNINSTALLED);

    private final BundleContext context;
    private final AtomicInteger touched = new AtomicInteger();
    private final SynchronousBundleListener listener;

    /// @param context this bundle's
    /// @param ours which bundles are driver revisions that reloads exchange
    public BundleWatch(BundleContext context, LongPredicate ours) {
        this.context = context;
        this.listener =
                event -> {
                    if (TOUCHING.contains(event.getType())
                            && !ours.test(event.getBundle().getBundleId())) {
                        touched.incrementAndGet();
                    }
                };
        context.addBundleListener(listener);
    }

    /// How many times another bundle was stopped, updated or taken apart.
    ///
    /// @return the count so far
    public int touched() {
        return touched.get();
    }

    @Override
    public void close() {
        context.removeBundleListener(listener);
    }
}
