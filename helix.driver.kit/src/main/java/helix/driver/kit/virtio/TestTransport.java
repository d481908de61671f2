package helix.driver.kit.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.MmioRegion;
import helix.virtio.DeviceStatus;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;

/// The driver's side of a [TestVirtioDevice]: what a driver reads and writes, and what the
/// specification demands of it meanwhile.
final class TestTransport implements VirtioTransport {
    private static final int SET_UP =
            DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK;

    private final TestVirtioDevice device;
    private final Lease lease;

    TestTransport(TestVirtioDevice device, Lease lease) {
        this.device = device;
        this.lease = lease;
    }

    private void access() {
        if (!lease.isValid()) {
            throw new LeaseRevokedException(device.id(), lease);
        }
    }

    @Override
    public int status() {
        access();
        synchronized (device) {
            // A device that is gone reads all ones.
            return device.isPresent() ? device.status : 0xFF;
        }
    }

    @Override
    public void status(int bits) {
        access();
        synchronized (device) {
            if (bits == 0) {
                if (!device.hangsInReset) {
                    device.resetNow();
                }
                return;
            }
            // 2.1.1: bits are not cleared but by a reset. DEVICE_NEEDS_RESET is not the
            // driver's.
            int own = device.status & ~DeviceStatus.DEVICE_NEEDS_RESET;
            device.require(
                    (own & ~bits) == 0, "clear status bits of 0x" + Integer.toHexString(own));
            if ((bits & DeviceStatus.FAILED) == 0) {
                requireOrder(bits);
            }
            boolean newlyOk = (bits & ~device.status & DeviceStatus.FEATURES_OK) != 0;
            device.status = bits | (device.status & DeviceStatus.DEVICE_NEEDS_RESET);
            if (newlyOk
                    && (device.driverFeatures & (~device.features | device.refusedFeatures)) != 0) {
                device.status &= ~DeviceStatus.FEATURES_OK;
            }
        }
    }

    private void requireOrder(int bits) {
        boolean driver = (bits & DeviceStatus.DRIVER) != 0;
        device.require(
                !driver || (device.status & DeviceStatus.ACKNOWLEDGE) != 0,
                "set DRIVER before ACKNOWLEDGE");
        boolean features = (bits & DeviceStatus.FEATURES_OK) != 0;
        device.require(
                !features || (device.status & DeviceStatus.DRIVER) != 0,
                "set FEATURES_OK before DRIVER");
        boolean ready = (bits & DeviceStatus.DRIVER_OK) != 0;
        device.require(
                !ready || (device.status & SET_UP) == SET_UP, "set DRIVER_OK before FEATURES_OK");
    }

    @Override
    public long deviceFeatures() {
        access();
        return device.features;
    }

    @Override
    public void driverFeatures(long bits) {
        access();
        synchronized (device) {
            device.require(
                    (device.status & DeviceStatus.DRIVER) != 0, "write features before DRIVER");
            device.require(
                    (device.status & DeviceStatus.FEATURES_OK) == 0,
                    "write features after FEATURES_OK");
            device.require(
                    (bits & ~device.features) == 0,
                    "accept features not offered: 0x" + Long.toHexString(bits & ~device.features));
            device.driverFeatures = bits;
        }
    }

    @Override
    public int configGeneration() {
        access();
        synchronized (device) {
            return device.generation;
        }
    }

    @Override
    public MmioRegion config() {
        access();
        return MmioRegion.ofAccess(
                device.id() + " config",
                lease,
                new SegmentBus(device.config),
                0,
                device.config.byteSize());
    }

    @Override
    public int queueCount() {
        access();
        return device.queues.length;
    }

    @Override
    public int queueSize(int queue) {
        access();
        return device.queues[queue].maxSize;
    }

    @Override
    public void enableQueue(
            int queue, int size, long descriptors, long driver, long used, int vector) {
        access();
        synchronized (device) {
            TestQueue to = device.queues[queue];
            device.require(
                    (device.status & DeviceStatus.FEATURES_OK) != 0,
                    "enable queue " + queue + " before FEATURES_OK");
            device.require(to.ring == null, "enable queue " + to.index + " twice");
            device.require(size <= to.maxSize, "size " + size + " of queue " + to.index);
            requireVector(vector);
            to.ring =
                    device.noting(() ->
                            DeviceRing.of(
                                    device.machine,
                                    new DeviceRing.Place(
                                            size,
                                            device.driverFeatures,
                                            descriptors,
                                            driver,
                                            used)));
            to.vector = vector;
        }
    }

    private void requireVector(int vector) {
        if (vector != NO_VECTOR && vector >= device.machine.vectorCount()) {
            throw new DeviceException(device.id() + ": vector " + vector + " is refused");
        }
    }

    @Override
    public void queueVector(int queue, int vector) {
        access();
        requireVector(vector);
        synchronized (device) {
            device.queues[queue].vector = vector;
        }
    }

    @Override
    public void configVector(int vector) {
        access();
        requireVector(vector);
        synchronized (device) {
            device.configVector = vector;
        }
    }

    @Override
    public void resetQueue(int queue) {
        access();
        synchronized (device) {
            device.require(
                    (device.driverFeatures & VirtioFeature.RING_RESET) != 0,
                    "reset queue " + queue + " without RING_RESET");
            device.queues[queue].reset();
        }
    }

    @Override
    public boolean isQueueEnabled(int queue) {
        access();
        synchronized (device) {
            return device.queues[queue].ring != null;
        }
    }

    @Override
    public MmioRegion doorbell(int queue) {
        access();
        return MmioRegion.ofAccess(
                device.id() + " doorbell " + queue,
                lease,
                new DoorbellBus(value -> device.notified(queue, value)),
                0,
                2);
    }

    @Override
    public int doorbellValue(int queue) {
        return queue;
    }

    @Override
    public int interruptStatus() {
        access();
        synchronized (device) {
            int was = device.interruptStatus;
            device.interruptStatus = 0;
            return was;
        }
    }
}
