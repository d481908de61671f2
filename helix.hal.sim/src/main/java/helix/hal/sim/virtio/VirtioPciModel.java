package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A virtio device behind modern PCI: VIRTIO 1.2, chapter 2 and section 4.1. What kind of device it
/// is, is a [VirtioDevice]'s matter.
final class VirtioPciModel implements DeviceModel {
    private static final int ISR_QUEUE = 1;
    private static final int ISR_CONFIG = 2;

    private final VirtioDevice kind;
    private final Settings settings;
    private final long offered;
    private final int vectors;
    private final VirtQueue[] queues;
    private final Faults faults = new Faults();
    private @Nullable DeviceContext context;
    private @Nullable CommonConfig common;

    private int status;
    private long driverFeatures;
    private int configVector = QueueRegisters.NO_VECTOR;
    private int generation;
    private boolean configChanged;
    private int isr;
    private boolean working;
    private boolean shuffled;
    private boolean plain;
    private long wakeAt;

    /// What all kinds have in common.
    ///
    /// @param queueSize the most entries of a queue
    /// @param shuffled whether buffers are used out of order
    /// @param features of [Feature] that are offered
    /// @param vectors how many MSI-X vectors there are, -1 for one a queue and one more
    record Settings(int queueSize, boolean shuffled, long features, int vectors) {
        static Settings of(Options options, boolean shuffledOtherwise) {
            int size = (int) options.number("queue-size", 256, 2, 32768);
            if (Integer.bitCount(size) != 1) {
                throw new DeviceException("queue-size is a power of 2, not " + size);
            }
            String order = options.text("order", shuffledOtherwise ? "shuffled" : "fifo");
            if (!order.equals("shuffled") && !order.equals("fifo")) {
                throw new DeviceException("order is shuffled or fifo, not " + order);
            }
            long features = Feature.VERSION_1;
            features |= options.flag("packed", false) ? Feature.RING_PACKED : 0;
            features |= options.flag("event_idx", true) ? Feature.EVENT_IDX : 0;
            features |= options.flag("indirect_desc", true) ? Feature.INDIRECT_DESC : 0;
            features |= options.flag("in_order", false) ? Feature.IN_ORDER : 0;
            features |= options.flag("iommu_platform", true) ? Feature.ACCESS_PLATFORM : 0;
            features |= options.flag("queue_reset", true) ? Feature.RING_RESET : 0;
            features |= options.flag("notification_data", false) ? Feature.NOTIFICATION_DATA : 0;
            int vectors = (int) options.number("vectors", -1, -1, 2048);
            return new Settings(size, order.equals("shuffled"), features, vectors);
        }
    }

    VirtioPciModel(VirtioDevice kind, Settings settings) {
        this.kind = kind;
        this.settings = settings;
        offered = kind.features() | settings.features;
        vectors = settings.vectors < 0 ? kind.queues() + 1 : settings.vectors;
        queues = new VirtQueue[kind.queues()];
        for (int i = 0; i < queues.length; i++) {
            queues[i] = new VirtQueue(this, i, settings.queueSize);
        }
    }

    // ---- What the machine asks for.

    @Override
    public FunctionShape shape() {
        return PciLayout.shape(kind, vectors);
    }

    @Override
    public void powerOn(DeviceContext device) {
        context = device;
        common = new CommonConfig(this, device, queues);
        kind.powerOn(this);
        clear();
        kind.reset(false);
    }

    @Override
    public long read(int bar, long offset, int width) {
        int at = (int) offset;
        if (bar != PciLayout.BAR || at >= PciLayout.NOTIFY_END) {
            return 0;
        }
        if (at < PciLayout.ISR) {
            return common().read(at, width);
        }
        if (at < PciLayout.DEVICE) {
            return readIsr(at - PciLayout.ISR, width);
        }
        if (at < PciLayout.NOTIFY) {
            return readConfig(at - PciLayout.DEVICE, width);
        }
        device().violation(
                        "the notification registers are written only (VIRTIO 1.2, 4.1.4.4)",
                        "read at 0x%x".formatted(at));
        return 0;
    }

    @Override
    public void write(int bar, long offset, int width, long value) {
        int at = (int) offset;
        if (bar != PciLayout.BAR || at >= PciLayout.NOTIFY_END) {
            return;
        }
        if (at >= PciLayout.NOTIFY) {
            notified(at - PciLayout.NOTIFY, width, value);
        } else if (at < PciLayout.ISR) {
            common().write(at, width, value);
        } else if (at >= PciLayout.DEVICE) {
            writeConfig(at - PciLayout.DEVICE, width, value);
        } else {
            device().violation("write of a read-only register (VIRTIO 1.2, 4.1.4.5)", "ISR status");
        }
    }

    @Override
    public int tick() {
        return working ? kind.work() : 0;
    }

    @Override
    public void reset(Reset reason) {
        faults.functionReset();
        clear();
        kind.reset(reason == Reset.POWER);
    }

    @Override
    public List<Choice> faults() {
        List<Choice> all = new ArrayList<>(Faults.choices());
        all.addAll(kind.faults());
        return all;
    }

    @Override
    public String fault(String name, Map<String, String> options) {
        if ("needs-reset".equals(name)) {
            new Options(options).end();
            cannotGoOn();
            return "DEVICE_NEEDS_RESET is set";
        }
        String done = faults.arm(name, options);
        plain();
        if (done == null) {
            done = kind.fault(name, options);
        }
        if (done == null) {
            throw Faults.unknown(name);
        }
        device().wake();
        return done;
    }

    @Override
    public void close() {
        working = false;
        kind.close();
    }

    // ---- For the kind of device and its queues.

    DeviceContext device() {
        DeviceContext current = context;
        if (current == null) {
            throw new IllegalStateException("no power");
        }
        return current;
    }

    private CommonConfig common() {
        CommonConfig current = common;
        if (current == null) {
            throw new IllegalStateException("no power");
        }
        return current;
    }

    VirtQueue queue(int index) {
        return queues[index];
    }

    Faults ringFaults() {
        return faults;
    }

    /// Whether buffers are used at once and in order, with no fault to think of.
    boolean isPlain() {
        return plain;
    }

    private void plain() {
        shuffled = settings.shuffled && (driverFeatures & Feature.IN_ORDER) == 0;
        plain = !shuffled && !faults.isArmed();
    }

    boolean isShuffled() {
        return shuffled;
    }

    long now() {
        return device().nanos();
    }

    /// Asks for a tick at a time, if none is asked for before it.
    void wakeAt(long nanos) {
        long now = now();
        if (wakeAt <= now || nanos < wakeAt) {
            wakeAt = nanos;
            device().wakeAt(nanos);
        }
    }

    long offered() {
        return offered;
    }

    long driverFeatures() {
        return driverFeatures;
    }

    /// Whether a feature was negotiated.
    boolean has(long feature) {
        return (status & Status.FEATURES_OK) != 0 && (driverFeatures & feature) != 0;
    }

    /// Whether the device may use its queues: from DRIVER_OK until it cannot go on.
    boolean isWorking() {
        return working;
    }

    int status() {
        return status;
    }

    int generation() {
        return generation;
    }

    int vectors() {
        return vectors;
    }

    int configVector() {
        return configVector;
    }

    void configVector(int vector) {
        configVector = vector;
    }

    /// The device is in a state from which only a reset helps: 2.1.2.
    void cannotGoOn() {
        if ((status & Status.DEVICE_NEEDS_RESET) != 0) {
            return;
        }
        status |= Status.DEVICE_NEEDS_RESET;
        working = false;
        configInterrupt();
    }

    /// A field of the configuration has changed: 2.5 and 4.1.5.4.
    void configurationChanged() {
        configChanged = true;
        configInterrupt();
    }

    private void configInterrupt() {
        if ((status & Status.DRIVER_OK) == 0) {
            return;
        }
        interrupt(ISR_CONFIG, configVector);
    }

    /// Buffers of a queue were used: 4.1.5.3.
    void queueInterrupt(VirtQueue queue) {
        interrupt(ISR_QUEUE, queue.vector);
    }

    private void interrupt(int bits, int vector) {
        isr |= bits;
        if (!device().messagesEnabled()) {
            device().line(true);
        } else if (vector != QueueRegisters.NO_VECTOR) {
            device().message(vector);
        }
    }

    void queueReset(int queue) {
        kind.queueReset(queue);
    }

    // ---- Registers.

    private void clear() {
        working = false;
        status = 0;
        driverFeatures = 0;
        configVector = QueueRegisters.NO_VECTOR;
        wakeAt = 0;
        isr = 0;
        device().line(false);
        common().reset();
        for (VirtQueue queue : queues) {
            queue.forget(true);
        }
        plain();
    }

    private long readIsr(int offset, int width) {
        if (offset != 0 || width != 1) {
            device().violation(
                            "width of a register access (VIRTIO 1.2, 4.1.4.5)",
                            "ISR status: read of %d bytes at 0x%x".formatted(width, offset));
            return 0;
        }
        int value = isr;
        isr = 0;
        device().line(false);
        return value;
    }

    private long readConfig(int offset, int width) {
        if (faults.fires(Faults.CONFIG_CHANGE, -1)) {
            configChanged = true;
        }
        if (configChanged) {
            // 4.1.4.3.1: so that no number of changes is taken for none.
            configChanged = false;
            generation = generation + 1 & 0xFF;
        }
        checkConfig(offset, width, "read");
        return kind.config().get(offset, width);
    }

    /// An access of another width is answered, as devices do; it is one that the driver must not
    /// make all the same.
    private boolean checkConfig(int offset, int width, String access) {
        if (kind.config().isField(offset, width)) {
            return true;
        }
        device().violation(
                        "width of a register access (VIRTIO 1.2, 4.1.3.1)",
                        "device configuration: %s of %d bytes at 0x%x"
                                .formatted(access, width, offset));
        return false;
    }

    private void writeConfig(int offset, int width, long value) {
        if (checkConfig(offset, width, "write") && !kind.configWritten(offset, width, value)) {
            device().violation(
                            "write of a read-only register (VIRTIO 1.2, 2.5)",
                            "device configuration at 0x%x".formatted(offset));
        }
    }

    private void notified(int offset, int width, long value) {
        boolean data = has(Feature.NOTIFICATION_DATA);
        int queue = offset / PciLayout.NOTIFY_MULTIPLIER;
        String wrong = "";
        if (width != (data ? 4 : 2)) {
            wrong = width + " bytes";
        } else if (offset % PciLayout.NOTIFY_MULTIPLIER != 0
                || queue >= queues.length
                || (value & 0xFFFF) != queue) {
            wrong = "value " + value;
        } else if ((status & Status.DRIVER_OK) == 0) {
            wrong = "before DRIVER_OK";
        } else if (!queues[queue].enabled) {
            wrong = "the queue is not enabled";
        }
        if (!wrong.isEmpty()) {
            device().violation(
                            "available buffer notification (VIRTIO 1.2, 4.1.5.2)",
                            "at 0x%x, queue %d: %s".formatted(offset, queue, wrong));
        }
    }

    void driverFeatures(long select, long value) {
        if ((status & Status.FEATURES_OK) != 0) {
            device().violation(
                            "features are settled with FEATURES_OK (VIRTIO 1.2, 3.1.1)",
                            "driver_feature %d written 0x%x".formatted(select, value));
            return;
        }
        if (select == 0) {
            driverFeatures = (driverFeatures & ~0xFFFF_FFFFL) | value;
        } else if (select == 1) {
            driverFeatures = (driverFeatures & 0xFFFF_FFFFL) | (value << 32);
        } else if (value != 0) {
            device().violation(
                            "features that were not offered (VIRTIO 1.2, 2.2.1)",
                            "driver_feature %d written 0x%x".formatted(select, value));
        }
    }

    /// Section 2.1, and 4.1.4.3.1 for the reset.
    void writeStatus(int value) {
        if (value == 0) {
            if (faults.resetHangs()) {
                working = false;
                return;
            }
            clear();
            kind.reset(false);
            return;
        }
        int own = status & ~Status.DEVICE_NEEDS_RESET;
        if ((own & ~value) != 0) {
            device().violation(
                            "status bits are not cleared (VIRTIO 1.2, 2.1.1)",
                            "0x%x written, was 0x%x".formatted(value, status));
        }
        if ((value & ~Status.KNOWN) != 0 || (value & ~status & Status.DEVICE_NEEDS_RESET) != 0) {
            device().violation(
                            "status bits that are not the driver's (VIRTIO 1.2, 2.1)",
                            "0x%x written".formatted(value));
        }
        int added = value & ~status & Status.KNOWN & ~Status.DEVICE_NEEDS_RESET;
        if ((added & Status.FAILED) == 0) {
            inOrder(added);
        }
        if ((added & Status.FEATURES_OK) != 0 && !acceptFeatures()) {
            added &= ~Status.FEATURES_OK;
        }
        if ((added & Status.DRIVER_OK) != 0 && ((status | added) & Status.FEATURES_OK) == 0) {
            added &= ~Status.DRIVER_OK;
        }
        status |= added;
        working =
                (status & (Status.DRIVER_OK | Status.DEVICE_NEEDS_RESET | Status.FAILED))
                        == Status.DRIVER_OK;
        if ((added & Status.FEATURES_OK) != 0) {
            plain();
            kind.negotiated(driverFeatures);
        }
    }

    /// 3.1.1: each step comes after the one before it.
    private void inOrder(int added) {
        int before = status;
        boolean wrong =
                ((added & Status.DRIVER) != 0 && ((before | added) & Status.ACKNOWLEDGE) == 0)
                        || ((added & Status.FEATURES_OK) != 0 && (before & Status.DRIVER) == 0)
                        || ((added & Status.DRIVER_OK) != 0 && (before & Status.FEATURES_OK) == 0);
        if (wrong) {
            device().violation(
                            "order of initialization (VIRTIO 1.2, 3.1.1)",
                            "status 0x%x after 0x%x".formatted(before | added, before));
        }
    }

    private boolean acceptFeatures() {
        String wrong = null;
        if ((driverFeatures & ~offered) != 0) {
            wrong = "not offered: 0x%x".formatted(driverFeatures & ~offered);
        } else if ((driverFeatures & Feature.VERSION_1) == 0) {
            wrong = "VERSION_1 is missing";
        } else if ((offered & ~driverFeatures & Feature.ACCESS_PLATFORM) != 0) {
            // 6.2: there is an IOMMU, and a driver that does not know of it does not work.
            wrong = "ACCESS_PLATFORM is missing";
        } else {
            wrong = kind.refusal(driverFeatures);
        }
        if (wrong != null) {
            device().violation("features that cannot be accepted (VIRTIO 1.2, 2.2)", wrong);
        }
        return wrong == null;
    }
}
