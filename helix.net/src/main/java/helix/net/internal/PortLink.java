package helix.net.internal;

import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueue;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.hal.api.DmaBuffer;
import helix.net.api.NetworkInterface.PortOptions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The queues of one generation behind a port. Made and ended by the port's owner, since both take
/// frames from the pool and give them back, and the pool is his.
///
/// @param rx frames in
/// @param tx frames out
/// @param adopted how many frames were on their way out when the queues were taken over
record PortLink(RxQueue rx, TxQueue tx, int adopted) {
    private static final Logger LOG = LoggerFactory.getLogger(PortLink.class);
    private static final int PROBE_BYTES = 64;

    /// By what numbers the next generation gives the queues again.
    record Handles(long rx, long tx) {
        static final Handles NONE = new Handles(0, 0);
    }

    /// Asks the queues of a generation that is about to be replaced.
    static Handles handles(@Nullable PortLink link) {
        if (link == null) {
            return Handles.NONE;
        }
        try {
            return new Handles(link.rx.handle(), link.tx.handle());
        } catch (RuntimeException | LinkageError e) {
            LOG.warn("the driver fails in handle", e);
            return Handles.NONE;
        }
    }

    /// Takes queues of a generation: those of the one before with what is in flight, where it has
    /// them, else new ones.
    ///
    /// @param before the queues of the generation before, which are ended unless they are adopted
    /// @throws RuntimeException if there are none; the old ones are ended or adopted nevertheless
    static PortLink join(
            NetworkDevice device,
            FramePool pool,
            PortOptions options,
            @Nullable PortLink before,
            Handles handles) {
        @Nullable RxQueue rx = handles.rx == 0 ? null : device.adoptRx(handles.rx, pool);
        @Nullable TxQueue tx = handles.tx == 0 ? null : device.adoptTx(handles.tx, pool);
        int adopted = tx == null ? 0 : tx.inFlight();
        if (before != null) {
            if (rx == null) {
                end(before.rx);
            }
            if (tx == null) {
                end(before.tx);
            }
        }
        boolean complete = false;
        try {
            if (rx == null || tx == null) {
                checkReach(device, pool);
            }
            if (rx == null) {
                rx = device.openRx(wanted(device, options.rxDepth(), options), pool);
            }
            if (tx == null) {
                tx = device.openTx(wanted(device, options.txDepth(), options), pool);
            }
            if (options.promiscuous()) {
                promiscuous(device);
            }
            complete = true;
            return new PortLink(rx, tx, adopted);
        } finally {
            if (!complete) {
                end(rx);
                end(tx);
            }
        }
    }

    private static NetQueueOptions wanted(NetworkDevice device, int depth, PortOptions options) {
        int most = device.limits().maxDepth();
        return new NetQueueOptions(0, Math.min(depth, most), options.interrupts(), true);
    }

    /// A device tells what it reaches only by allocating.
    @SuppressWarnings("ReferenceEquality") // pools are identities
    private static void checkReach(NetworkDevice device, FramePool pool) {
        try (DmaBuffer probe = device.allocate(PROBE_BYTES)) {
            if (probe.pool() != pool.memory().pool()) {
                throw new NetworkException(
                        NetworkException.Reason.UNSUPPORTED,
                        "the device does not reach the memory of the frames; open the interface"
                                + " anew");
            }
        }
    }

    private static void promiscuous(NetworkDevice device) {
        try {
            device.promiscuous(true);
        } catch (NetworkException e) {
            if (e.reason() != NetworkException.Reason.UNSUPPORTED) {
                throw e;
            }
            // It cannot be told, and may well receive all.
            LOG.info("not told to receive all frames: {}", e.getMessage());
        }
    }

    /// How many frames were on their way out.
    int inFlight() {
        try {
            return tx.inFlight();
        } catch (RuntimeException | LinkageError e) {
            LOG.info("not known what was being sent: {}", e.toString());
            return 0;
        }
    }

    /// Ends both queues.
    void end() {
        end(rx);
        end(tx);
    }

    private static void end(@Nullable NetQueue queue) {
        if (queue == null) {
            return;
        }
        try {
            queue.close();
        } catch (RuntimeException | LinkageError e) {
            // It may be of a generation that is over, of whose bundle nothing is left.
            LOG.warn("the driver fails in close", e);
        }
    }
}
