package helix.driver.net.virtio;

import helix.driver.api.net.Burst;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import helix.driver.api.net.NetworkLimits;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.registers.Await;
import helix.virtio.DeviceStatus;
import helix.virtio.VirtioBringUp;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import helix.virtio.Virtqueue;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The device: its registers, its rings, and what was agreed upon with it.
///
/// All rings are set up before DRIVER_OK, as VIRTIO 1.2, section 3.1.1 has it, and stay: a client's
/// queue is a ring's use for some time. Queue 2i receives, 2i + 1 sends, and the one after all that
/// the device has is for control: section 5.1.2.
final class Adapter {
    /// Enough for 64 KiB in frames of 2 KiB, and the header's piece.
    static final int MOST_SEGMENTS = 34;

    /// A frame that the device cuts: what 16 bits of an IP length can say, and an Ethernet header.
    static final long MOST_TO_CUT = 65535 + 14;

    private static final Logger LOG = LoggerFactory.getLogger(Adapter.class);
    private static final int ALL_ONES = 0xFF;

    /// What an adapter is doing.
    enum Phase {
        /// Being brought up.
        NEW,
        /// Serves.
        RUNNING,
        /// It broke the rules, asks for a reset, or is no longer there.
        FAILED,
        /// Reset by this driver.
        STOPPED,
        /// The next generation's.
        PASSED
    }

    private final Hal hal;
    private final Settings settings;
    private final BiConsumer<String, Throwable> failure;
    private final AtomicBoolean failed = new AtomicBoolean();
    private final VirtioTransport transport;
    private final Interrupts interrupts;
    private final long features;
    private final NetConfig first;
    private final int pairs;
    private final Virtqueue[] rings;
    private final DmaBuffer[] memories;
    private final @Nullable DmaBuffer controlPage;
    private final Counter[] doorbells;
    private final NetworkLimits limits;
    private final BitSet vlans = new BitSet(4096);
    private final Queues queues;
    private @Nullable ControlQueue control;
    private volatile Phase phase = Phase.NEW;
    private volatile long mac;
    private volatile boolean macWasSet;
    private volatile boolean promiscuous;
    private int activePairs = 1;

    /// Resets the device and brings it up: section 3.1.1.
    ///
    /// @param failure told once when the device can be used no more
    Adapter(Hal hal, Settings settings, BiConsumer<String, Throwable> failure) {
        this.hal = hal;
        this.settings = settings;
        this.failure = failure;
        transport = hal.transport();
        features = negotiate();
        first = NetConfig.read(transport, features);
        mac = first.mac() != 0 ? first.mac() : localAddress(hal.deviceId());
        pairs = Math.min(first.maxPairs(), settings.maxPairs());
        interrupts = Interrupts.allocate(hal, 1 + 2 * pairs);
        int count = 2 * pairs + (has(NetFeature.CTRL_VQ) ? 1 : 0);
        rings = new Virtqueue[count];
        memories = new DmaBuffer[count];
        doorbells = counters(count);
        for (int i = 0; i < count; i++) {
            Virtqueue.Shape shape = shape(i);
            memories[i] = hal.allocate(Virtqueue.bytes(shape));
            rings[i] = create(i, shape);
        }
        controlPage = has(NetFeature.CTRL_VQ) ? hal.allocate(ControlQueue.BYTES) : null;
        limits = limitsOf();
        queues = new Queues(this);
        enable();
    }

    /// Takes over a device at work. No register is accessed.
    Adapter(Hal hal, Settings settings, NetState saved, BiConsumer<String, Throwable> failure) {
        this.hal = hal;
        this.settings = settings;
        this.failure = failure;
        transport = hal.transport();
        features = saved.features();
        first = saved.config();
        mac = first.mac();
        pairs = saved.pairs();
        activePairs = saved.activePairs();
        promiscuous = saved.promiscuous();
        for (int vlan : saved.vlans()) {
            vlans.set(vlan);
        }
        interrupts = Interrupts.adopt(hal);
        if (interrupts.count() != saved.vectors()) {
            throw new DeviceException(
                    interrupts.count() + " interrupt vectors, not " + saved.vectors());
        }
        int count = saved.rings().length;
        rings = new Virtqueue[count];
        memories = new DmaBuffer[count];
        doorbells = counters(count);
        for (int i = 0; i < count; i++) {
            memories[i] = hal.adopt(saved.rings()[i]);
            int queue = number(i);
            rings[i] =
                    Virtqueue.adopt(
                            memories[i], transport.doorbell(queue), transport.doorbellValue(queue));
        }
        controlPage = saved.control() == 0 ? null : hal.adopt(saved.control());
        limits = limitsOf();
        queues = new Queues(this);
        openControl();
        if (control != null) {
            control.token(saved.controlToken());
        }
        phase = Phase.RUNNING;
    }

    private static Counter[] counters(int count) {
        Counter[] counters = new Counter[count];
        for (int i = 0; i < count; i++) {
            counters[i] = new Counter();
        }
        return counters;
    }

    /// An address for a device that has none, the same each time: locally administered.
    private static long localAddress(String id) {
        return 0x02_48_00_00_00_00L | (id.hashCode() & 0xFFFF_FFFFL);
    }

    // ---- Bring-up

    private long negotiate() {
        return VirtioBringUp.negotiate(
                transport,
                NetFeature.acceptable(transport.deviceFeatures()),
                VirtioFeature.VERSION_1,
                Deadline.after(settings.resetTimeout()));
    }

    /// A ring's number in the device: control comes after all pairs that the device has, however
    /// many are used.
    private int number(int ring) {
        return ring == 2 * pairs ? 2 * first.maxPairs() : ring;
    }

    private Virtqueue.Shape shape(int ring) {
        int queue = number(ring);
        int most = queue < transport.queueCount() ? transport.queueSize(queue) : 0;
        if (most < 1) {
            throw new DeviceException(
                    "%s: no queue %d of %d".formatted(hal.name(), queue, transport.queueCount()));
        }
        boolean isControl = ring == 2 * pairs;
        int size = Integer.highestOneBit(Math.min(most, isControl ? 64 : settings.maxDepth()));
        int wanted = isControl ? 3 : ring % 2 == 0 ? 1 : MOST_SEGMENTS;
        // Section 2.7.5.3.1: a table is no longer than the queue either.
        return new Virtqueue.Shape(queue, size, features, Math.min(wanted, size));
    }

    private Virtqueue create(int ring, Virtqueue.Shape shape) {
        return Virtqueue.create(
                shape,
                memories[ring],
                transport.doorbell(shape.index()),
                transport.doorbellValue(shape.index()));
    }

    private void enable() {
        transport.configVector(interrupts.configVector());
        for (int i = 0; i < rings.length; i++) {
            enable(i);
        }
        VirtioBringUp.ready(transport);
        openControl();
        phase = Phase.RUNNING;
        receiveModes();
    }

    private void enable(int ring) {
        Virtqueue queue = rings[ring];
        transport.enableQueue(
                queue.shape().index(),
                queue.shape().size(),
                queue.descriptorArea(),
                queue.driverArea(),
                queue.deviceArea(),
                ring == 2 * pairs ? VirtioTransport.NO_VECTOR : interrupts.queueVector(ring));
    }

    private void openControl() {
        if (controlPage != null) {
            control =
                    new ControlQueue(
                            hal.name(), rings[2 * pairs], controlPage, settings.controlTimeout());
        }
    }

    /// A device begins with receiving what it wants; this says what.
    private void receiveModes() {
        ControlQueue c = control;
        if (c == null) {
            return;
        }
        try {
            if (has(NetFeature.CTRL_RX)) {
                c.promiscuous(promiscuous);
                c.allMulticast(true);
            }
            if (macWasSet) {
                c.macAddress(mac);
            }
            vlans.stream().forEach(id -> c.vlan(id, true));
        } catch (NetworkException e) {
            if (c.isStuck()) {
                throw e.reason() == NetworkException.Reason.TIMED_OUT ? silent(e) : e;
            }
            LOG.warn("{}: what it receives stays as it is: {}", hal.name(), e.getMessage());
        }
    }

    /// No refusal, which would be final: the device may answer after a reset.
    private static RuntimeException silent(NetworkException e) {
        DeviceTimeoutException timeout = new DeviceTimeoutException(String.valueOf(e.getMessage()));
        Throwable _ = timeout.initCause(e);
        return timeout;
    }

    private NetworkLimits limitsOf() {
        int offloads = has(NetFeature.CSUM) ? Burst.CHECKSUM : 0;
        offloads |= has(NetFeature.HOST_TSO4) ? Burst.TSO4 : 0;
        offloads |= has(NetFeature.HOST_TSO6) ? Burst.TSO6 : 0;
        return new NetworkLimits(
                pairs,
                pairs,
                rings[0].shape().size(),
                first.mtu() + ReceiveQueue.LEAST_FRAME,
                rings[1].shape().segments(),
                offloads);
    }

    // ---- What it is

    String name() {
        return hal.name();
    }

    Hal hal() {
        return hal;
    }

    Settings settings() {
        return settings;
    }

    long features() {
        return features;
    }

    boolean has(long feature) {
        return (features & feature) != 0;
    }

    NetworkLimits limits() {
        return limits;
    }

    NetConfig config() {
        return first;
    }

    int mtu() {
        return first.mtu();
    }

    long mac() {
        return mac;
    }

    Interrupts interrupts() {
        return interrupts;
    }

    VirtioTransport transport() {
        return transport;
    }

    Queues queues() {
        return queues;
    }

    Virtqueue ring(int index) {
        return rings[index];
    }

    Phase phase() {
        return phase;
    }

    Lease.State leaseState() {
        return hal.leaseState();
    }

    void close(DeviceQueue queue) {
        queues.close(queue);
    }

    void rang(int ring) {
        doorbells[ring].add(1);
    }

    long doorbells() {
        long sum = 0;
        for (Counter counter : doorbells) {
            sum += counter.get();
        }
        return sum;
    }

    // ---- Control

    private ControlQueue control(long feature, String what) {
        ControlQueue c = control;
        if (c == null || !has(feature)) {
            throw new NetworkException(
                    Reason.UNSUPPORTED, hal.name() + ": the device has no " + what);
        }
        if (phase != Phase.RUNNING) {
            throw new NetworkException(
                    Reason.GENERATION_GONE, "%s: the device is %s".formatted(hal.name(), phase));
        }
        return c;
    }

    /// Runs a command; a device that does not answer is given up.
    private void command(ControlQueue c, Runnable command) {
        try {
            command.run();
        } catch (NetworkException e) {
            if (c.isStuck()) {
                fail(String.valueOf(e.getMessage()), e);
            }
            throw e;
        } catch (RuntimeException e) {
            lost(e);
            throw new NetworkException(Reason.GENERATION_GONE, hal.name() + ": " + e.getMessage());
        }
    }

    void mac(long address) {
        ControlQueue c = control(NetFeature.CTRL_MAC_ADDR, "way to set its address");
        command(c, () -> c.macAddress(address));
        mac = address;
        macWasSet = true;
    }

    void promiscuous(boolean on) {
        ControlQueue c = control(NetFeature.CTRL_RX, "control of what is received");
        command(c, () -> c.promiscuous(on));
        promiscuous = on;
    }

    void vlan(int id, boolean on) {
        ControlQueue c = control(NetFeature.CTRL_VLAN, "sorting by VLAN");
        command(c, () -> c.vlan(id, on));
        synchronized (vlans) {
            vlans.set(id, on);
        }
    }

    void acknowledgeAnnouncement() {
        ControlQueue c = control(NetFeature.GUEST_ANNOUNCE, "announcements");
        command(c, c::acknowledgeAnnouncement);
    }

    /// Makes the device use so many pairs: section 5.1.6.5.5. Called with the queues' lock.
    void usePairs(int count) {
        if (count != activePairs && has(NetFeature.MQ)) {
            ControlQueue c = control(NetFeature.MQ, "several queues");
            command(c, () -> c.pairs(count));
            activePairs = count;
        }
    }

    // ---- Resets

    /// Makes the device let go of all that one ring has: section 2.6.1. The ring can be used again
    /// then.
    ///
    /// @throws DeviceTimeoutException if the device does not confirm
    void resetRing(int index) {
        transport.resetQueue(index);
        Await.until(
                hal.name(),
                "reset of queue " + index,
                settings.controlTimeout(),
                () -> !transport.isQueueEnabled(index),
                () -> "status=" + Integer.toHexString(transport.status()));
        Virtqueue.Shape shape = rings[index].shape();
        memories[index].segment().fill((byte) 0);
        rings[index] = create(index, shape);
        enable(index);
    }

    /// Makes the device let go of everything, and brings it up again; nobody uses a ring. The
    /// frames that it had can be given back as soon as it has confirmed the reset.
    ///
    /// @param confirmed run then
    void restart(Runnable confirmed) {
        phase = Phase.NEW;
        try {
            restartNow(confirmed);
        } catch (DeviceException e) {
            fail("not brought up again: " + e.getMessage(), e);
            throw e;
        }
    }

    private void restartNow(Runnable confirmed) {
        if (!VirtioBringUp.reset(transport, Deadline.after(settings.resetTimeout()))) {
            throw new DeviceTimeoutException(hal.name() + ": the device does not reset");
        }
        confirmed.run();
        long again = negotiate();
        if (again != features) {
            throw new DeviceException(
                    "%s: other features after a reset: %x, not %x"
                            .formatted(hal.name(), again, features));
        }
        for (int i = 0; i < rings.length; i++) {
            Virtqueue.Shape shape = rings[i].shape();
            memories[i].segment().fill((byte) 0);
            rings[i] = create(i, shape);
        }
        activePairs = 1;
        enable();
    }

    /// Resets the device for good.
    void stop() {
        phase = Phase.STOPPED;
        queues.loseAll();
        if (!VirtioBringUp.reset(transport, Deadline.after(settings.resetTimeout()))) {
            throw new DeviceTimeoutException(hal.name() + ": the device does not reset");
        }
        queues.endAll();
        interrupts.close();
    }

    // ---- Failure

    /// A queue found the device to break the rules.
    void broken(int index, String defect) {
        fail("queue " + index + ": " + defect, new DeviceException(defect));
    }

    /// An access failed: quietly where the right to the device is over.
    void lost(RuntimeException e) {
        if (e instanceof DeviceGoneException) {
            fail("the device is gone", e);
        } else if (phase == Phase.RUNNING && hal.leaseState() == Lease.State.VALID) {
            fail(String.valueOf(e.getMessage()), e);
        }
    }

    /// The device can be used no more: said once.
    void fail(String reason, Throwable cause) {
        if (phase == Phase.STOPPED || phase == Phase.PASSED) {
            return;
        }
        phase = Phase.FAILED;
        queues.loseAll();
        if (failed.compareAndSet(false, true)) {
            failure.accept(reason, cause);
        }
    }

    /// Looks whether the device is well: section 2.1.2.
    void checkStatus() {
        int status = transport.status();
        if (status == ALL_ONES) {
            fail("the device is gone", new DeviceGoneException(hal.name()));
        } else if ((status & DeviceStatus.DEVICE_NEEDS_RESET) != 0) {
            fail("the device needs a reset", new DeviceException("DEVICE_NEEDS_RESET"));
        } else if ((status & DeviceStatus.DRIVER_OK) == 0) {
            fail(
                    "the device was reset behind the driver's back",
                    new DeviceException("status 0x" + Integer.toHexString(status)));
        }
    }

    // ---- Hand-over

    /// Whether the next generation can go on with it.
    boolean isSound() {
        ControlQueue c = control;
        if (phase != Phase.RUNNING || (c != null && !c.isSettled())) {
            return false;
        }
        for (Virtqueue ring : rings) {
            if (ring.isBroken()) {
                return false;
            }
        }
        return true;
    }

    /// What the next generation needs.
    NetState save(NetConfig now, List<QueueState> clients) {
        long[] addresses = new long[memories.length];
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] = memories[i].address();
            rings[i].keep();
        }
        ControlQueue c = control;
        DmaBuffer page = controlPage;
        return new NetState(
                features,
                new NetConfig(mac, now.status(), first.maxPairs(), first.mtu(), now.speed()),
                interrupts.count(),
                pairs,
                activePairs,
                promiscuous,
                vlans.stream().toArray(),
                addresses,
                page == null ? 0 : page.address(),
                c == null ? 0 : c.token(),
                clients);
    }

    void passOn() {
        phase = Phase.PASSED;
    }
}
