package helix.driver.block.virtio;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.LeaseRevokedException;
import helix.virtio.DeviceStatus;
import helix.virtio.VirtioBringUp;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import helix.virtio.Virtqueue;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A virtio block device: its registers, its virtqueues, and whether it is sound.
///
/// It is never reset while it serves. What goes wrong is a [fault][#fault]: the module fails, the
/// platform resets the device and brings a new generation up, and requests end when that is
/// confirmed.
final class BlkDevice {
    /// A client's side of a ring, and that of the plain calls where they share it.
    static final int CLIENT = 0;

    static final int PLAIN = 1;

    private static final long RESET_PAUSE_NANOS = 50_000;

    private static final Logger LOG = LoggerFactory.getLogger(BlkDevice.class);

    private final Hal hal;
    private final Settings settings;
    private final WatchClock clock;
    private final VirtioTransport transport;
    private final Interrupts interrupts;
    private final Ring[] rings;
    private final @Nullable ReentrantLock shared;
    private final int segments;

    /// Guards which ring is whose.
    private final ReentrantLock queues = new ReentrantLock();

    private final Succession succession;

    private volatile BlkConfig config;
    private volatile @Nullable String fault;
    private volatile boolean gone;
    private volatile boolean over;
    private volatile boolean configurationChanged;
    private volatile Runnable watch = () -> {};
    private int opened;

    // ---- Bring-up

    /// Resets the device and brings it up: VIRTIO 1.2, section 3.1.1.
    ///
    /// @throws DeviceException if it cannot be driven
    BlkDevice(Hal hal, Settings settings) {
        this.hal = hal;
        this.settings = settings;
        clock = new WatchClock(settings.nanoTime(), settings.watchPeriod());
        transport = hal.open();
        long features =
                VirtioBringUp.negotiate(
                        transport, Blk.SUPPORTED, 0, Deadline.after(settings.resetTimeout()));
        config = BlkConfig.read(transport, features);
        int count = Math.min(config.queues(), Math.max(1, transport.queueCount()));
        int size = size(count);
        boolean single = count == 1;
        segments = config.descriptors(size, single) + 2;
        shared = single ? new ReentrantLock() : null;
        interrupts = Interrupts.allocate(hal, count + 1);
        if (interrupts.count() > 0) {
            transport.configVector(interrupts.configurationVector());
        }
        rings = new Ring[count];
        succession = new Succession(this, queues, count);
        for (int i = 0; i < count; i++) {
            rings[i] = create(i, size, features);
        }
        VirtioBringUp.ready(transport);
    }

    /// The size that all queues have: the smallest that the device has for one.
    private int size(int count) {
        int size = BlkConfig.MAX_ENTRIES;
        for (int i = 0; i < count; i++) {
            int most = transport.queueSize(i);
            if (most < 1) {
                throw new DeviceException(
                        "%s: queue %d of %d is missing".formatted(hal.name(), i, count));
            }
            size = Math.min(size, most);
        }
        return Integer.highestOneBit(size);
    }

    private Ring create(int index, int size, long features) {
        Virtqueue.Shape shape = new Virtqueue.Shape(index, size, features, segments);
        DmaBuffer memory = hal.allocate(Virtqueue.bytes(shape));
        DmaBuffer slots = hal.allocate((long) size * Ring.SLOT_BYTES);
        return new Ring(this, enable(shape, memory), memory, slots);
    }

    private Virtqueue enable(Virtqueue.Shape shape, DmaBuffer memory) {
        int index = shape.index();
        Virtqueue queue =
                Virtqueue.create(
                        shape, memory, transport.doorbell(index), transport.doorbellValue(index));
        queue.disableInterrupts();
        transport.enableQueue(
                index,
                shape.size(),
                queue.descriptorArea(),
                queue.driverArea(),
                queue.deviceArea(),
                interrupts.queueVector(index));
        return queue;
    }

    // ---- From one generation to the next

    /// Takes over a device at work.
    ///
    /// @throws DeviceException if memory or vectors cannot be taken over
    /// @throws IllegalArgumentException if what is in memory is no intact queue
    BlkDevice(Hal hal, Settings settings, BlkState saved) {
        this.hal = hal;
        this.settings = settings;
        clock = new WatchClock(settings.nanoTime(), settings.watchPeriod());
        transport = hal.open();
        config = new BlkConfig(saved.features(), saved.config());
        segments = saved.segments();
        int count = saved.rings().size();
        shared = count == 1 ? new ReentrantLock() : null;
        interrupts = Interrupts.adopt(hal);
        rings = new Ring[count];
        succession = new Succession(this, queues, count);
        for (int i = 0; i < count; i++) {
            rings[i] = adopt(i, saved.rings().get(i));
        }
        configurationChanged = true;
    }

    private Ring adopt(int index, BlkState.RingState saved) {
        DmaBuffer memory = hal.adopt(saved.queueMemory());
        DmaBuffer slots = hal.adopt(saved.slotMemory());
        Virtqueue queue =
                Virtqueue.adopt(memory, transport.doorbell(index), transport.doorbellValue(index));
        Virtqueue.Shape shape = queue.shape();
        if (shape.index() != index
                || shape.size() > slots.size() / Ring.SLOT_BYTES
                || shape.features() != config.features()
                || shape.segments() != segments) {
            throw new IllegalArgumentException(
                    "queue %d is %s, expected features %x, %d segments"
                            .formatted(index, shape, config.features(), segments));
        }
        Ring ring = new Ring(this, queue, memory, slots);
        saved.requests().forEach(ring::restore);
        ring.restored();
        return ring;
    }

    // ---- What it consists of

    Hal hal() {
        return hal;
    }

    Settings settings() {
        return settings;
    }

    WatchClock clock() {
        return clock;
    }

    VirtioTransport transport() {
        return transport;
    }

    Interrupts interrupts() {
        return interrupts;
    }

    BlkConfig config() {
        return config;
    }

    Ring[] rings() {
        return rings;
    }

    int segments() {
        return segments;
    }

    /// What comes from the generation before and goes to the next.
    Succession succession() {
        return succession;
    }

    /// Held by a client that shares the only ring with the plain calls; null where none does.
    @Nullable ReentrantLock shared() {
        return shared;
    }

    // ---- Queues

    /// Opens a queue for a client.
    ClientQueue open(BlkDisk disk, QueueOptions options) {
        queues.lock();
        try {
            requireSound();
            int clients = rings.length == 1 ? 1 : rings.length - 1;
            for (int i = 0; i < clients; i++) {
                if (rings[i].client(CLIENT) == null) {
                    long handle = options.passable() ? (hal.epoch() << Integer.SIZE) | ++opened : 0;
                    return open(disk, rings[i], CLIENT, options, handle);
                }
            }
            throw new BlockException(
                    "%s: all %d queues for clients are open".formatted(hal.name(), clients),
                    BlockStatus.NO_QUEUE);
        } finally {
            queues.unlock();
        }
    }

    /// Opens the queue that is kept for the plain calls, or their side of the only one.
    ClientQueue openPlain(BlkDisk disk, int depth) {
        queues.lock();
        try {
            requireSound();
            return open(disk, rings[rings.length - 1], PLAIN, QueueOptions.interrupt(depth), 0);
        } finally {
            queues.unlock();
        }
    }

    private ClientQueue open(BlkDisk disk, Ring ring, int side, QueueOptions options, long handle) {
        int depth = Math.min(options.depth(), disk.limits().maxQueueDepth());
        boolean sleeps = options.completion() == QueueOptions.Completion.INTERRUPT;
        ClientQueue queue = new ClientQueue(this, disk, ring, side, depth, handle, sleeps, shared);
        ring.client(side, queue);
        return queue;
    }

    private void requireSound() {
        if (!isSound()) {
            throw new BlockException(
                    hal.name() + ": no queue",
                    gone ? BlockStatus.DEVICE_GONE : BlockStatus.GENERATION_GONE);
        }
    }

    /// Lets the device forget the requests of one queue, which its client closes: VIRTIO 1.2,
    /// section 2.6.1.
    ///
    /// @return whether it has, and they have ended
    boolean reset(ClientQueue client) {
        Ring ring = client.ring;
        if (!config.has(VirtioFeature.RING_RESET) || shared != null || !isSound()) {
            return false;
        }
        queues.lock();
        try {
            transport.resetQueue(ring.index);
            Deadline deadline = Deadline.after(settings.resetTimeout());
            while (transport.isQueueEnabled(ring.index)) {
                if (deadline.isExpired()) {
                    fault("queue %d was not reset in %s".formatted(ring.index, deadline));
                    return false;
                }
                LockSupport.parkNanos(RESET_PAUSE_NANOS);
            }
            ring.queueMemory.segment().fill((byte) 0);
            ring.renew(enable(ring.queue().shape(), ring.queueMemory), client.side);
            return true;
        } catch (LeaseRevokedException | IllegalStateException e) {
            lostOr(e);
        } catch (DeviceException e) {
            fault("queue %d was not reset: %s".formatted(ring.index, e.getMessage()));
        } finally {
            queues.unlock();
        }
        return false;
    }

    /// A client has closed its queue; nothing of it is in flight, or the device is given up.
    @SuppressWarnings("ReferenceEquality") // queues are identities
    void closed(ClientQueue queue) {
        queues.lock();
        try {
            queue.life.close();
            if (queue.ring.client(queue.side) == queue) {
                queue.ring.client(queue.side, null);
            }
        } finally {
            queues.unlock();
        }
    }

    // ---- Interrupts

    /// Lets the owners of queues look.
    ///
    /// @param vector whose; -1 for all
    void signal(int vector) {
        for (Ring ring : rings) {
            if (vector < 0 || interrupts.queueVector(ring.index) == vector) {
                for (int side = CLIENT; side <= PLAIN; side++) {
                    ClientQueue client = ring.client(side);
                    if (client != null) {
                        client.signal();
                    }
                }
            }
        }
    }

    /// What a line's interrupt is for.
    int interruptStatus() {
        try {
            return transport.interruptStatus();
        } catch (DeviceGoneException e) {
            gone();
        } catch (DeviceTimeoutException e) {
            stalled(e);
        } catch (LeaseRevokedException | IllegalStateException e) {
            lostOr(e);
        }
        return 0;
    }

    void configurationMayHaveChanged() {
        configurationChanged = true;
    }

    /// Who is told when something happens.
    void watch(Runnable waker) {
        watch = waker;
    }

    // ---- What goes wrong

    /// Whether it serves.
    boolean isSound() {
        return fault == null && !gone && !over && hal.isLeaseValid();
    }

    boolean isGone() {
        return gone;
    }

    /// Whether it was handed over or stopped.
    boolean isOver() {
        return over;
    }

    /// It is another generation's from now on.
    void passOn() {
        over = true;
    }

    /// What is wrong, null if nothing is.
    @Nullable String fault() {
        return fault;
    }

    /// Gives the device up. Any thread.
    void fault(String what) {
        synchronized (this) {
            if (fault != null || gone || over) {
                return;
            }
            fault = what;
        }
        lose();
        watch.run();
    }

    /// The lease is over, or the device is given up: requests end when its reset is confirmed.
    void lose() {
        for (Ring ring : rings) {
            for (int side = CLIENT; side <= PLAIN; side++) {
                ClientQueue client = ring.client(side);
                if (client != null) {
                    client.life.lose();
                    client.signal();
                }
            }
        }
    }

    private void lostOr(RuntimeException e) {
        if (hal.isLeaseValid()) {
            throw e;
        }
        lose();
    }

    /// The device is unplugged. Any thread.
    void gone() {
        gone = true;
        endAll(BlockStatus.DEVICE_GONE);
        watch.run();
    }

    private void endAll(int status) {
        for (Ring ring : rings) {
            for (int side = CLIENT; side <= PLAIN; side++) {
                ClientQueue client = ring.client(side);
                if (client != null) {
                    client.life.end(status);
                    client.signal();
                }
            }
        }
    }

    /// The machine does not answer: time stands still.
    void stalled(DeviceTimeoutException e) {
        clock.skip();
        LOG.debug("{}: machine does not answer: {}", hal.name(), e.getMessage());
    }

    /// Resets the device, after which all requests end.
    ///
    /// @throws DeviceTimeoutException if it does not confirm
    void stop() {
        lose();
        if (!VirtioBringUp.reset(transport, Deadline.after(settings.resetTimeout()))) {
            throw new DeviceTimeoutException(
                    "%s: reset was not confirmed within %s"
                            .formatted(hal.name(), settings.resetTimeout()));
        }
        over = true;
        endAll(BlockStatus.GENERATION_GONE);
        interrupts.close();
    }

    // ---- For the watch

    /// Looks at the device's health.
    ///
    /// @return whether the capacity may have changed
    boolean look() {
        try {
            if (!hal.isPresent()) {
                gone();
                return false;
            }
            int status = transport.status();
            clock.tick();
            if ((status & DeviceStatus.DEVICE_NEEDS_RESET) != 0
                    || (status & DeviceStatus.DRIVER_OK) == 0) {
                fault("device status is %02x".formatted(status));
                return false;
            }
            lookForTimeouts();
            return refresh();
        } catch (DeviceGoneException e) {
            gone();
        } catch (DeviceTimeoutException e) {
            stalled(e);
        } catch (LeaseRevokedException | IllegalStateException e) {
            lostOr(e);
        }
        return false;
    }

    private void lookForTimeouts() {
        long limit = settings.requestTimeout().toNanos();
        for (Ring ring : rings) {
            if (ring.isOverdue(limit)) {
                fault(
                        "queue %d: a request did not end within %s"
                                .formatted(ring.index, settings.requestTimeout()));
            }
        }
    }

    private boolean refresh() {
        if (!configurationChanged) {
            return false;
        }
        configurationChanged = false;
        try {
            config = BlkConfig.read(transport, config.features());
            long _ = config.totalBlocks();
            return true;
        } catch (LeaseRevokedException | DeviceGoneException | DeviceTimeoutException e) {
            configurationChanged = true;
            throw e;
        } catch (DeviceException e) {
            fault("configuration: " + e.getMessage());
            return false;
        }
    }
}
