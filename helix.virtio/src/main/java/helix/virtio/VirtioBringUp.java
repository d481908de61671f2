package helix.virtio;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceTimeoutException;
import java.util.concurrent.locks.LockSupport;

/// The initialization of a virtio device by the book: VIRTIO 1.2, section 3.1.1.
public final class VirtioBringUp {
    private static final long PAUSE_NANOS = 50_000;
    private static final int SPINS = 20;
    private static final int ALL_ONES = 0xFF;

    /// What is off the bus for longer is gone, or the platform's matter: a function that was reset
    /// answers within a second (PCI Express Base, 6.6.1).
    private static final long OFF_BUS_NANOS = 1_000_000_000;

    private static final int SET_UP =
            DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK;

    private VirtioBringUp() {}

    /// Resets the device and waits until it reads back 0, section 2.4. What was written while the
    /// device was off the bus is lost, so it is written again as long as all ones are read.
    ///
    /// @param transport the device
    /// @param deadline until when
    /// @return whether it confirmed
    public static boolean reset(VirtioTransport transport, Deadline deadline) {
        transport.status(0);
        int status = transport.status();
        long seen = System.nanoTime();
        for (int round = 0; status != 0; round++, status = transport.status()) {
            if (deadline.isExpired()) {
                return false;
            }
            if (status != ALL_ONES) {
                seen = System.nanoTime();
            } else if (System.nanoTime() - seen > OFF_BUS_NANOS) {
                return false;
            } else {
                transport.status(0);
            }
            if (round < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
        return true;
    }

    /// Steps 1 to 6: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK and its read-back.
    /// `VERSION_1` is always required; `ACCESS_PLATFORM` and `ORDER_PLATFORM` are accepted where
    /// offered.
    ///
    /// @param transport the device
    /// @param supported the features that the driver can deal with
    /// @param required those without which it cannot work
    /// @param deadline until when
    /// @return what is agreed upon
    /// @throws DeviceTimeoutException if the device does not confirm its reset
    /// @throws DeviceException if a required feature is not offered, naming its bit, or the device
    ///   does not accept what it offered itself; it then has the status FAILED
    public static long negotiate(
            VirtioTransport transport, long supported, long required, Deadline deadline) {
        // 1. Reset.
        if (!reset(transport, deadline)) {
            throw new DeviceTimeoutException(
                    "virtio: no status 0 after reset in " + deadline + "; " + status(transport));
        }

        // 2. The device was noticed. 3. There is a driver.
        transport.status(DeviceStatus.ACKNOWLEDGE);
        transport.status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);

        // 4. Features: a subset of what is offered.
        long offered = transport.deviceFeatures();
        long needed = required | VirtioFeature.VERSION_1;
        long missing = needed & ~offered;
        if (missing != 0) {
            throw failed(
                    transport,
                    DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER,
                    "required features are not offered: " + bits(missing));
        }
        // 6.1: both should be accepted if offered. On this platform they ask for nothing.
        long platform = VirtioFeature.ACCESS_PLATFORM | VirtioFeature.ORDER_PLATFORM;
        long features = offered & (supported | needed | platform);
        transport.driverFeatures(features);

        // 5. FEATURES_OK. 6. Is it still set?
        transport.status(SET_UP);
        int status = transport.status();
        if ((status & DeviceStatus.FEATURES_OK) == 0
                || (status & DeviceStatus.DEVICE_NEEDS_RESET) != 0) {
            throw failed(
                    transport,
                    SET_UP,
                    "features 0x" + Long.toHexString(features) + " are not accepted");
        }
        return features;
    }

    /// Step 8: DRIVER_OK, after queues are enabled.
    ///
    /// @param transport the device
    /// @throws DeviceException if the device needs a reset at once; it then has the status FAILED
    public static void ready(VirtioTransport transport) {
        transport.status(SET_UP | DeviceStatus.DRIVER_OK);
        int status = transport.status();
        if ((status & DeviceStatus.DEVICE_NEEDS_RESET) != 0
                || (status & DeviceStatus.DRIVER_OK) == 0) {
            throw failed(transport, SET_UP | DeviceStatus.DRIVER_OK, "the device is not ready");
        }
    }

    /// 3.1.1: a driver that gives up says so.
    private static DeviceException failed(VirtioTransport transport, int status, String what) {
        String seen = status(transport);
        transport.status(status | DeviceStatus.FAILED);
        return new DeviceException("virtio: " + what + "; " + seen);
    }

    private static String status(VirtioTransport transport) {
        return "status=0x" + Integer.toHexString(transport.status());
    }

    private static String bits(long features) {
        StringBuilder text = new StringBuilder();
        for (long left = features; left != 0; left &= left - 1) {
            text.append(text.isEmpty() ? "bit " : ", bit ");
            text.append(Long.numberOfTrailingZeros(left));
        }
        return text.toString();
    }
}
