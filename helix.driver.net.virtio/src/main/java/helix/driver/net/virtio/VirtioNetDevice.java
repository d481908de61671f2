package helix.driver.net.virtio;

import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import helix.driver.api.net.NetworkLimits;
import helix.driver.api.net.NetworkStatistics;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.virtio.VirtioFeature;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The device as its clients see it.
///
/// The plain calls use pair 0 until a client opens a queue of it; from then on, until the client
/// closes it, the plain call of that direction throws [NetworkException] with [Reason#NO_QUEUE],
/// also one that was waiting.
final class VirtioNetDevice implements NetworkDevice {
    private static final long GROUP = 1L << 40;
    private static final int LAST_VLAN = 4095;

    private final Adapter adapter;
    private final Queues queues;
    private final PlainCalls plain;
    private final Watch watch;

    VirtioNetDevice(Adapter adapter, PlainCalls plain, Watch watch) {
        this.adapter = adapter;
        this.queues = adapter.queues();
        this.plain = plain;
        this.watch = watch;
    }

    @Override
    public void send(MemorySegment frame) {
        if (!isLinkUp()) {
            throw new NetworkException(Reason.NO_LINK, adapter.name() + ": the link is down");
        }
        plain.send(frame);
    }

    @Override
    public int recv(MemorySegment target, long nanos) {
        return plain.receive(target, nanos);
    }

    @Override
    public long macAddress() {
        return adapter.mac();
    }

    @Override
    public void macAddress(long address) {
        if (address <= 0 || address >>> 48 != 0 || (address & GROUP) != 0) {
            throw new IllegalArgumentException(
                    Long.toHexString(address) + " is no address of a single device");
        }
        adapter.mac(address);
    }

    @Override
    public long linkSpeed() {
        return watch.now().speed();
    }

    @Override
    public boolean isLinkUp() {
        return watch.now().isLinkUp();
    }

    @Override
    public int mtu() {
        return adapter.mtu();
    }

    @Override
    public NetworkLimits limits() {
        return adapter.limits();
    }

    @Override
    public void promiscuous(boolean on) {
        adapter.promiscuous(on);
    }

    @Override
    public void vlan(int id, boolean on) {
        if (id < 0 || id > LAST_VLAN) {
            throw new IllegalArgumentException("VLAN " + id);
        }
        adapter.vlan(id, on);
    }

    @Override
    public NetworkStatistics statistics() {
        return queues.statistics();
    }

    @Override
    public AutoCloseable onLink(LinkListener listener) {
        return watch.listen(listener);
    }

    @Override
    public RxQueue openRx(NetQueueOptions options, FramePool pool) {
        if (options.index() == 0 && !adapter.has(VirtioFeature.RING_RESET)) {
            // The device gives back what waits to be received into when nothing is open any more.
            plain.release();
        } else if (options.index() == 0) {
            plain.releaseRx();
        }
        return open(() -> queues.openRx(options, pool));
    }

    @Override
    public TxQueue openTx(NetQueueOptions options, FramePool pool) {
        if (options.index() == 0) {
            plain.releaseTx();
        }
        return open(() -> queues.openTx(options, pool));
    }

    private interface Opening<Q> {
        Q open();
    }

    private <Q> Q open(Opening<Q> opening) {
        try {
            return opening.open();
        } catch (NetworkException e) {
            throw e;
        } catch (DeviceException | IllegalStateException e) {
            adapter.lost(e);
            throw new NetworkException(
                    Reason.GENERATION_GONE, adapter.name() + ": " + e.getMessage());
        }
    }

    @Override
    public @Nullable RxQueue adoptRx(long handle, FramePool pool) {
        return (RxQueue) queues.adopt(handle, true, pool);
    }

    @Override
    public @Nullable TxQueue adoptTx(long handle, FramePool pool) {
        return (TxQueue) queues.adopt(handle, false, pool);
    }

    @Override
    public DmaBuffer allocate(long bytes) {
        return adapter.hal().allocateShared(bytes);
    }
}
