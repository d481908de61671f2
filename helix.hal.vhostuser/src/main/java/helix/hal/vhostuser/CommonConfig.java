package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.vhostuser.VirtioPci.Common;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// The registers that all virtio devices share: struct virtio_pci_common_cfg. Virtio 1.2, section
/// 4.1.4.3; each field is accessed in its own width, 64-bit fields by halves (4.1.3.1).
///
/// Nothing here waits while it is locked.
final class CommonConfig {
    /// The driver's own limit for its bring-up is 10 s.
    static final Duration PEER_LIMIT = Duration.ofSeconds(8);

    private static final int[] WIDTHS = {
        4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 2, 0, 2, 0, 1, 1, 2, 0, 2, 0, 2, 0, 2, 0, 2,
        0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0
    };

    private final Backend backend;
    private final MsixTable vectors;
    private final long deviceFeatures;
    private final int maxSize;
    private final QueueState[] queues;
    private int deviceFeatureSelect;
    private int driverFeatureSelect;
    private long driverFeatures;
    private int configVector;
    private int queueSelect;
    private int isr;
    private boolean resetting;
    private volatile int status;

    CommonConfig(
            Backend backend, MsixTable vectors, long deviceFeatures, int queueCount, int maxSize) {
        this.backend = backend;
        this.vectors = vectors;
        this.deviceFeatures = deviceFeatures;
        this.maxSize = maxSize;
        queues = new QueueState[queueCount];
        clear();
    }

    private void clear() {
        deviceFeatureSelect = 0;
        driverFeatureSelect = 0;
        driverFeatures = 0;
        configVector = VirtioPci.NO_VECTOR;
        queueSelect = 0;
        isr = 0;
        for (int i = 0; i < queues.length; i++) {
            queues[i] = QueueState.initial(maxSize);
        }
    }

    private static void check(int offset, int width) {
        if (offset >= WIDTHS.length || WIDTHS[offset] != width) {
            throw new DeviceException(
                    "virtio_pci_common_cfg has no field of %d bytes at 0x%x (virtio 1.2, 4.1.3.1)"
                            .formatted(width, offset));
        }
    }

    int read(int offset, int width) {
        check(offset, width);
        if (offset == Common.DEVICE_STATUS) {
            return status;
        }
        synchronized (this) {
            return switch (offset) {
                case Common.DEVICE_FEATURE_SELECT -> deviceFeatureSelect;
                case Common.DEVICE_FEATURE -> half(deviceFeatures, deviceFeatureSelect);
                case Common.DRIVER_FEATURE_SELECT -> driverFeatureSelect;
                case Common.DRIVER_FEATURE -> half(driverFeatures, driverFeatureSelect);
                case Common.CONFIG_MSIX_VECTOR -> configVector;
                case Common.NUM_QUEUES -> queues.length;
                case Common.CONFIG_GENERATION -> 0;
                case Common.QUEUE_SELECT -> queueSelect;
                default -> readQueue(offset);
            };
        }
    }

    private int readQueue(int offset) {
        if (queueSelect >= queues.length) {
            // 4.1.4.3.1: a queue that is not available has size 0.
            return 0;
        }
        QueueState queue = queues[queueSelect];
        return switch (offset) {
            case Common.QUEUE_SIZE -> queue.size();
            case Common.QUEUE_MSIX_VECTOR -> queue.vector();
            case Common.QUEUE_ENABLE -> queue.enabled() ? 1 : 0;
            case Common.QUEUE_NOTIFY_OFF -> queueSelect;
            default -> queue.half(offset);
        };
    }

    private static int half(long features, int select) {
        return switch (select) {
            case 0 -> (int) features;
            case 1 -> (int) (features >>> 32);
            default -> 0;
        };
    }

    void write(int offset, int width, int value) {
        check(offset, width);
        if (offset == Common.DEVICE_STATUS) {
            writeStatus(value & 0xFF);
            return;
        }
        int rewired = -1;
        synchronized (this) {
            switch (offset) {
                case Common.DEVICE_FEATURE_SELECT -> deviceFeatureSelect = value;
                case Common.DRIVER_FEATURE_SELECT -> driverFeatureSelect = value;
                case Common.DRIVER_FEATURE -> acceptFeatures(value);
                case Common.CONFIG_MSIX_VECTOR -> configVector = vector(value);
                case Common.QUEUE_SELECT -> queueSelect = value & 0xFFFF;
                default -> {
                    if (queueSelect < queues.length) {
                        writeQueue(offset, value);
                        rewired = offset == Common.QUEUE_MSIX_VECTOR ? 0 : -1;
                    }
                }
            }
        }
        if (rewired >= 0 && (status & VirtioPci.DRIVER_OK) != 0) {
            backend.vectorChanged(-1);
        }
    }

    /// 4.1.5.1.2.1: a vector that cannot be used reads back as NO_VECTOR.
    private int vector(int value) {
        int vector = value & 0xFFFF;
        return vector < vectors.size() ? vector : VirtioPci.NO_VECTOR;
    }

    private void acceptFeatures(int value) {
        long bits = Integer.toUnsignedLong(value);
        if ((status & VirtioPci.FEATURES_OK) != 0) {
            // 3.1.1 step 5: not any more.
            return;
        }
        switch (driverFeatureSelect) {
            case 0 -> driverFeatures = (driverFeatures & 0xFFFF_FFFF_0000_0000L) | bits;
            case 1 -> driverFeatures = (driverFeatures & 0xFFFF_FFFFL) | (bits << 32);
            default -> {
                // There are no such features.
            }
        }
    }

    private void writeQueue(int offset, int value) {
        QueueState queue = queues[queueSelect];
        if (queue.enabled() && offset != Common.QUEUE_MSIX_VECTOR) {
            // 4.1.4.3.2: what is enabled is not changed, and not disabled but by a reset.
            return;
        }
        queues[queueSelect] =
                switch (offset) {
                    case Common.QUEUE_SIZE -> queue.size(value & 0xFFFF);
                    case Common.QUEUE_MSIX_VECTOR -> queue.vector(vector(value));
                    case Common.QUEUE_ENABLE -> queue.enabled((value & 0xFFFF) == 1);
                    case Common.QUEUE_NOTIFY_OFF -> queue;
                    default -> queue.half(offset, value);
                };
    }

    private void writeStatus(int value) {
        if (value == 0) {
            synchronized (this) {
                if (status == 0 || resetting) {
                    return;
                }
                resetting = true;
            }
            backend.reset();
            return;
        }
        int before = status;
        if ((value & ~before & VirtioPci.FEATURES_OK) != 0) {
            value = negotiate(value);
        }
        List<QueueState> started = List.of();
        long features;
        synchronized (this) {
            if (resetting) {
                return;
            }
            features = driverFeatures;
            // 2.1.1: bits are not cleared but by a reset.
            boolean starts = (value & ~status & VirtioPci.DRIVER_OK) != 0;
            status |= value & ~VirtioPci.NEEDS_RESET;
            if (starts) {
                started = queues();
            }
        }
        if (!started.isEmpty()) {
            backend.start(features, started);
        }
    }

    /// 3.1.1 steps 5 and 6: FEATURES_OK stays clear if the features are not acceptable, or if the
    /// device is away.
    private int negotiate(int value) {
        long accepted;
        synchronized (this) {
            accepted = driverFeatures;
        }
        boolean acceptable =
                (accepted & ~deviceFeatures) == 0 && (accepted & VhostUser.F_VERSION_1) != 0;
        return acceptable && backend.awaitPeer(Deadline.after(PEER_LIMIT))
                ? value
                : value & ~VirtioPci.FEATURES_OK;
    }

    /// What the driver has set up.
    synchronized List<QueueState> queues() {
        return new ArrayList<>(List.of(queues));
    }

    /// The device's state is lost. 2.1.2: a running driver is told so.
    void needsReset() {
        int vector;
        synchronized (this) {
            if ((status & VirtioPci.DRIVER_OK) == 0 || resetting) {
                return;
            }
            status |= VirtioPci.NEEDS_RESET;
            isr |= VirtioPci.ISR_CONFIG;
            vector = configVector;
        }
        if (vector != VirtioPci.NO_VECTOR) {
            vectors.raise(vector);
        }
    }

    /// The rings have stopped: device_status reads 0.
    synchronized void resetDone() {
        if (resetting) {
            clear();
            resetting = false;
            status = 0;
        }
    }

    /// 4.1.4.5: reading clears.
    synchronized int readIsr() {
        int value = isr;
        isr = 0;
        return value;
    }
}
