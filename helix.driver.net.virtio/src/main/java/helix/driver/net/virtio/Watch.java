package helix.driver.net.virtio;

import helix.driver.api.net.NetworkDevice;
import helix.modules.api.Agent;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Looks after the device: its status, its link, and what it wants announced. Woken by changes of
/// the configuration.
final class Watch implements Agent {
    private static final Logger LOG = LoggerFactory.getLogger(Watch.class);
    private static final long STATUS_OFFSET = 6;

    private final Adapter adapter;
    private final List<NetworkDevice.LinkListener> listeners = new CopyOnWriteArrayList<>();
    private volatile NetConfig now;
    private volatile boolean changed = true;
    private volatile Runnable waker = () -> {};

    Watch(Adapter adapter) {
        this.adapter = adapter;
        now = adapter.config();
    }

    /// What the device says of itself at present.
    NetConfig now() {
        return now;
    }

    void waker(Runnable wake) {
        waker = wake;
    }

    /// From an interrupt.
    void configChanged() {
        changed = true;
        waker.run();
    }

    AutoCloseable listen(NetworkDevice.LinkListener listener) {
        listeners.add(listener);
        return () -> listeners.remove(listener);
    }

    @Override
    public int doWork() {
        if (adapter.phase() != Adapter.Phase.RUNNING) {
            return 0;
        }
        try {
            adapter.checkStatus();
            boolean look = changed;
            changed = false;
            return adapter.phase() == Adapter.Phase.RUNNING && (look || statusDiffers())
                    ? look()
                    : 0;
        } catch (RuntimeException e) {
            adapter.lost(e);
            return 0;
        }
    }

    private boolean statusDiffers() {
        return adapter.has(NetFeature.STATUS)
                && adapter.transport().config().read16(STATUS_OFFSET) != now.status();
    }

    private int look() {
        NetConfig before = now;
        NetConfig after = NetConfig.read(adapter.transport(), adapter.features());
        now = after;
        if (before.isLinkUp() != after.isLinkUp()) {
            LOG.info("{}: link is {}", adapter.name(), after.isLinkUp() ? "up" : "down");
            for (NetworkDevice.LinkListener listener : listeners) {
                tell(() -> listener.linkChanged(after.isLinkUp()));
            }
        }
        if (after.wantsAnnouncement() && adapter.has(NetFeature.GUEST_ANNOUNCE)) {
            for (NetworkDevice.LinkListener listener : listeners) {
                tell(listener::announce);
            }
            adapter.acknowledgeAnnouncement();
        }
        return 1;
    }

    /// A listener's failure is the listener's.
    private void tell(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            LOG.warn("{}: a listener failed", adapter.name(), e);
        }
    }
}
