package helix.driver.kit.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.Deadline;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.virtio.DeviceStatus;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A virtio device in this process: registers, queues, and a [Handler] that says what it does with
/// a request. Notified, it handles all that is available, on the notifying thread; with
/// [#automatic(boolean)] off, when [#process(int)] is called. Any thread may call.
///
/// It insists on what the specification demands of a driver: order of the bring-up, features that
/// were offered, alignment, no notification before DRIVER_OK. What is wrong is an `AssertionError`
/// in the caller, and remembered as [#complaint()].
public final class TestVirtioDevice implements VirtioDevice, AutoCloseable {
    /// From [Handler#handle]: the request ends later, by [#complete].
    public static final int LATER = -1;

    /// What the device does with requests.
    @FunctionalInterface
    public interface Handler {
        /// Handles a request.
        ///
        /// @param queue which queue it came by
        /// @param chain the request
        /// @return how many bytes were written into it, or [#LATER]
        int handle(int queue, RequestChain chain);
    }

    final TestMachine machine;
    private final int deviceId;
    final long features;
    final TestQueue[] queues;
    private final Arena arena = Arena.ofShared();
    final MemorySegment config;
    private final Lease parent;
    private Handler handler = (queue, chain) -> LATER;

    // Guarded by this; the driver's side reads and writes them.
    int status;
    long driverFeatures;
    long refusedFeatures;
    int generation;
    int configVector = VirtioTransport.NO_VECTOR;
    int interruptStatus;
    private int resets;
    boolean hangsInReset;
    private boolean automatic = true;
    private volatile boolean present = true;
    private volatile @Nullable AssertionError complaint;

    /// Makes a device and puts it into the machine.
    ///
    /// @param machine which has no device yet
    /// @param deviceId 1 a network card, 2 a block device
    /// @param features what it offers; `VERSION_1` is always among them
    /// @param configBytes how large its configuration is
    /// @param queueSizes the most entries of each queue
    public TestVirtioDevice(
            TestMachine machine, int deviceId, long features, int configBytes, int... queueSizes) {
        this.machine = machine;
        this.deviceId = deviceId;
        this.features = features | VirtioFeature.VERSION_1;
        config = arena.allocate(configBytes, 8);
        queues = new TestQueue[queueSizes.length];
        for (int i = 0; i < queues.length; i++) {
            queues[i] = new TestQueue(i, queueSizes[i]);
        }
        machine.attach(this);
        parent = machine.lease();
    }

    // ---- The test's side.

    /// Sets what the device does.
    ///
    /// @param newHandler at first, requests are kept
    public synchronized void handler(Handler newHandler) {
        handler = newHandler;
    }

    /// Sets whether notifications are followed at once.
    ///
    /// @param on true at first
    public synchronized void automatic(boolean on) {
        automatic = on;
    }

    /// The device's configuration, to be filled in by the test.
    ///
    /// @return little-endian fields
    public MemorySegment config() {
        return config;
    }

    /// Tells the driver that the configuration has changed.
    public void configChanged() {
        int vector;
        synchronized (this) {
            generation = (generation + 1) & 0xFF;
            interruptStatus |= 2;
            vector =
                    (status & DeviceStatus.DRIVER_OK) == 0
                            ? VirtioTransport.NO_VECTOR
                            : configVector;
        }
        raise(vector);
    }

    /// The device cannot go on: section 2.1.2.
    public void needsReset() {
        synchronized (this) {
            status |= DeviceStatus.DEVICE_NEEDS_RESET;
        }
        configChanged();
    }

    /// Handles what is available in a queue.
    ///
    /// @param queue which
    /// @return how many requests were taken
    public int process(int queue) {
        int count = 0;
        while (true) {
            RequestChain chain;
            Handler with;
            synchronized (this) {
                chain = next(queue);
                with = handler;
            }
            if (chain == null) {
                interrupt(queue);
                return count;
            }
            count++;
            int written = with.handle(queue, chain);
            if (written != LATER) {
                synchronized (this) {
                    ring(queue).use(chain, written);
                }
            } else {
                synchronized (this) {
                    queues[queue].kept.add(chain);
                }
            }
        }
    }

    /// Ends a request that was kept, and raises the queue's interrupt if that is wanted.
    ///
    /// @param queue which queue it came by
    /// @param chain the request
    /// @param written how many bytes were written into it
    public void complete(int queue, RequestChain chain, int written) {
        synchronized (this) {
            queues[queue].kept.remove(chain);
            ring(queue).use(chain, written);
        }
        interrupt(queue);
    }

    /// The requests that were kept.
    ///
    /// @param queue which queue they came by
    /// @return oldest first
    public synchronized List<RequestChain> kept(int queue) {
        return List.copyOf(queues[queue].kept);
    }

    /// Raises a queue's interrupt if the driver wants to know of what was used.
    ///
    /// @param queue which
    public void interrupt(int queue) {
        int vector;
        synchronized (this) {
            if (queues[queue].ring == null || !ring(queue).interruptDue()) {
                return;
            }
            interruptStatus |= 1;
            vector = queues[queue].vector;
        }
        raise(vector);
    }

    /// The device's side of an enabled queue.
    ///
    /// @param queue which
    /// @return its ring, gone with the next reset
    public synchronized DeviceRing ring(int queue) {
        DeviceRing ring = queues[queue].ring;
        if (ring == null) {
            throw new AssertionError("queue " + queue + " is not enabled");
        }
        return ring;
    }

    /// How often a queue was notified since the device was made.
    ///
    /// @param queue which
    /// @return the count
    public synchronized long kicks(int queue) {
        return queues[queue].kicks;
    }

    /// How often the device was reset.
    ///
    /// @return the count
    public synchronized int resets() {
        return resets;
    }

    /// Bits of [DeviceStatus].
    ///
    /// @return the status as it is
    public synchronized int status() {
        return status;
    }

    /// What was negotiated.
    ///
    /// @return features as the driver wrote them
    public synchronized long driverFeatures() {
        return driverFeatures;
    }

    /// Lets the device refuse FEATURES_OK.
    ///
    /// @param bits which features it does not take though it offers them
    public synchronized void refuseFeatures(long bits) {
        refusedFeatures = bits;
    }

    /// Lets the device never finish a reset.
    ///
    /// @param hangs false at first
    public synchronized void hangInReset(boolean hangs) {
        hangsInReset = hangs;
    }

    /// Pulls the device out.
    public void unplug() {
        present = false;
    }

    /// What a driver did wrong, for where its `AssertionError` may have been caught.
    ///
    /// @return the first; null if nothing
    public @Nullable AssertionError complaint() {
        return complaint;
    }

    @Override
    public void close() {
        arena.close();
    }

    // ---- The driver's side.

    @Override
    public int deviceId() {
        return deviceId;
    }

    @Override
    public String id() {
        return "0000:00:05.0/virtio";
    }

    @Override
    public String bus() {
        return "virtio";
    }

    @Override
    public String machine() {
        return "test";
    }

    @Override
    public boolean isPresent() {
        return present;
    }

    @Override
    public Lease parent() {
        return parent;
    }

    @Override
    public boolean reset(Deadline deadline) {
        synchronized (this) {
            if (hangsInReset) {
                return false;
            }
        }
        resetNow();
        return true;
    }

    @Override
    public VirtioTransport open(Lease lease) {
        if (!lease.isValid()) {
            throw new LeaseRevokedException(id(), lease);
        }
        return new TestTransport(this, lease);
    }

    synchronized void resetNow() {
        resets++;
        status = 0;
        driverFeatures = 0;
        configVector = VirtioTransport.NO_VECTOR;
        interruptStatus = 0;
        for (TestQueue queue : queues) {
            queue.reset();
        }
    }

    private @Nullable RequestChain next(int queue) {
        if ((status & DeviceStatus.DRIVER_OK) == 0
                || (status & DeviceStatus.DEVICE_NEEDS_RESET) != 0
                || queues[queue].ring == null) {
            return null;
        }
        return noting(() -> ring(queue).next());
    }

    private void raise(int vector) {
        if (vector != VirtioTransport.NO_VECTOR) {
            machine.raise(vector);
        }
    }

    <T extends @Nullable Object> T noting(Supplier<T> action) {
        try {
            return action.get();
        } catch (AssertionError e) {
            if (complaint == null) {
                complaint = e;
            }
            throw e;
        }
    }

    void require(boolean condition, String what) {
        if (!condition) {
            noting(() -> {
                throw new AssertionError("the driver must not: " + what);
            });
        }
    }

    void notified(int queue, int value) {
        boolean now;
        synchronized (this) {
            require(value == queue, "write " + value + " to the doorbell of queue " + queue);
            require(
                    (status & DeviceStatus.DRIVER_OK) != 0,
                    "notify queue " + queue + " before DRIVER_OK");
            queues[queue].kicks++;
            now = automatic;
        }
        if (now) {
            int _ = process(queue);
        }
    }
}
