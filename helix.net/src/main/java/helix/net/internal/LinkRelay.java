package helix.net.internal;

import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkDevice.LinkListener;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Tells listeners of an interface what its generations say of the link: once for each change,
/// whatever generation it is of.
final class LinkRelay {
    private static final Logger LOG = LoggerFactory.getLogger(LinkRelay.class);

    private final String name;

    /// An object each: the same listener may be added twice.
    private record Entry(LinkListener listener) {
        @Override
        public boolean equals(@Nullable Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    private final List<Entry> listeners = new CopyOnWriteArrayList<>();

    // Guarded by this.
    private @Nullable AutoCloseable subscription;
    private @Nullable NetworkDevice followed;
    private boolean up;

    LinkRelay(String name) {
        this.name = name;
    }

    static boolean isUp(NetworkDevice device) {
        try {
            return device.isLinkUp();
        } catch (RuntimeException e) {
            LOG.debug("no link: {}", e.toString());
            return false;
        }
    }

    AutoCloseable add(LinkListener listener) {
        Entry entry = new Entry(listener);
        listeners.add(entry);
        return () -> listeners.remove(entry);
    }

    /// Follows a generation.
    ///
    /// @param device null if there is none
    void follow(@Nullable NetworkDevice device) {
        AutoCloseable old;
        synchronized (this) {
            old = subscription;
            subscription = null;
            followed = device;
        }
        end(old);
        if (device == null) {
            changed(null, false);
            return;
        }
        AutoCloseable fresh = subscribe(device);
        AutoCloseable superfluous;
        synchronized (this) {
            boolean current = device.equals(followed);
            superfluous = current ? null : fresh;
            subscription = current ? fresh : subscription;
        }
        end(superfluous);
        changed(device, isUp(device));
    }

    private @Nullable AutoCloseable subscribe(NetworkDevice device) {
        try {
            return device.onLink(
                    new LinkListener() {
                        @Override
                        public void linkChanged(boolean now) {
                            changed(device, now);
                        }

                        @Override
                        public void announce() {
                            tell(LinkListener::announce);
                        }
                    });
        } catch (RuntimeException e) {
            LOG.info("{}: the driver does not tell of the link: {}", name, e.toString());
            return null;
        }
    }

    private void end(@Nullable AutoCloseable old) {
        try {
            if (old != null) {
                old.close();
            }
        } catch (Exception e) {
            LOG.info("{}: a generation that is over: {}", name, e.toString());
        }
    }

    @SuppressWarnings("ReferenceEquality") // generations are identities
    private void changed(@Nullable NetworkDevice by, boolean now) {
        synchronized (this) {
            if (by != followed || now == up) {
                return;
            }
            up = now;
        }
        tell(listener -> listener.linkChanged(now));
    }

    private void tell(Consumer<LinkListener> what) {
        for (Entry entry : listeners) {
            try {
                what.accept(entry.listener());
            } catch (RuntimeException e) {
                LOG.warn("{}: a listener of the link fails", name, e);
            }
        }
    }
}
