package helix.driver.block.virtio;

import helix.driver.api.block.BlockStatus;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What a device's clients have of the generation before, and leave to the next.
final class Succession {
    private static final Logger LOG = LoggerFactory.getLogger(Succession.class);

    private final BlkDevice device;

    /// Guards which ring is whose.
    private final ReentrantLock queues;

    /// Those of the generation before that no client has asked for yet. Guarded by queues.
    private final @Nullable ClientQueue[] unclaimed;

    /// @param queues the device's lock of which ring is whose
    /// @param count how many rings the device has
    Succession(BlkDevice device, ReentrantLock queues, int count) {
        this.device = device;
        this.queues = queues;
        unclaimed = new @Nullable ClientQueue[count];
    }

    /// Gives the disk the queues that its clients had in the generation before.
    void restoreClients(BlkDisk disk, BlkState saved) {
        Ring[] rings = device.rings();
        for (int i = 0; i < rings.length; i++) {
            BlkState.RingState from = saved.rings().get(i);
            if (from.depth() > 0) {
                ClientQueue queue =
                        new ClientQueue(
                                device,
                                disk,
                                rings[i],
                                BlkDevice.CLIENT,
                                from.depth(),
                                from.handle(),
                                from.sleeps(),
                                device.shared());
                queue.restore(from.requests().size(), from.endedTags(), from.endedStatuses());
                rings[i].client(BlkDevice.CLIENT, queue);
                unclaimed[i] = queue;
            }
        }
    }

    /// Gives a client the queue that it had in the generation before, once.
    @Nullable ClientQueue claim(long handle) {
        queues.lock();
        try {
            for (int i = 0; i < unclaimed.length; i++) {
                ClientQueue queue = unclaimed[i];
                if (queue != null && queue.handle() == handle) {
                    unclaimed[i] = null;
                    return queue;
                }
            }
            return null;
        } finally {
            queues.unlock();
        }
    }

    /// Closes the queues that no client has asked for, once they have nothing in flight. Never
    /// waits.
    ///
    /// @return how many
    int closeUnclaimed() {
        int closed = 0;
        queues.lock();
        try {
            for (int i = 0; i < unclaimed.length; i++) {
                ClientQueue queue = unclaimed[i];
                if (queue != null && queue.settlesUnheard()) {
                    unclaimed[i] = null;
                    queue.close();
                    closed++;
                }
            }
        } finally {
            queues.unlock();
        }
        return closed;
    }

    /// Leaves the device to the next generation, while clients are parked and the watch is out, and
    /// no plain call runs.
    ///
    /// @param serial as it was read from the device
    /// @return what the next generation needs; empty if the device must be reset instead
    Optional<BlkState> handOver(String serial) {
        queues.lock();
        try {
            if (!device.isSound() || !settleClients()) {
                return Optional.empty();
            }
            BlkState state = BlkState.of(device, serial);
            device.passOn();
            for (Ring ring : device.rings()) {
                for (int side = BlkDevice.CLIENT; side <= BlkDevice.PLAIN; side++) {
                    ClientQueue client = ring.client(side);
                    if (client != null && side == BlkDevice.CLIENT && client.handle() != 0) {
                        client.passOn();
                    } else if (client != null) {
                        client.life.end(BlockStatus.GENERATION_GONE);
                        client.signal();
                    }
                }
                ring.passOn();
            }
            return Optional.of(state);
        } finally {
            queues.unlock();
        }
    }

    private boolean settleClients() {
        for (Ring ring : device.rings()) {
            ClientQueue client = ring.client(BlkDevice.CLIENT);
            if (client == null || client.life.state() >= QueueLife.ENDED) {
                continue;
            }
            boolean ready = client.handle() != 0 ? client.prepareToPass() : dismiss(ring, client);
            if (!ready) {
                LOG.info("{}: queue {} cannot be passed on", device.hal().name(), ring.index);
                return false;
            }
        }
        return device.isSound();
    }

    /// Takes no more requests of a client that cannot follow. One that has some with the device
    /// keeps it from being handed over: they could not end before it forgot them.
    private static boolean dismiss(Ring ring, ClientQueue client) {
        client.life.freeze();
        return ring.queue().inFlight() == 0;
    }
}
