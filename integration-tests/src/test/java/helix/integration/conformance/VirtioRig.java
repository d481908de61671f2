package helix.integration.conformance;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/// A virtio device over PCI at the level of its registers. VIRTIO 1.2, section 4.1.4.
final class VirtioRig {
    static final int ACKNOWLEDGE = 1;
    static final int DRIVER = 2;
    static final int DRIVER_OK = 4;
    static final int FEATURES_OK = 8;
    static final int NEEDS_RESET = 0x40;
    static final int FAILED = 0x80;

    static final int INDIRECT = 28;
    static final int EVENT_IDX = 29;
    static final int VERSION_1 = 32;
    static final int PACKED = 34;

    static final int DEVICE_FEATURE_SELECT = 0x00;
    static final int DEVICE_FEATURE = 0x04;
    static final int DRIVER_FEATURE_SELECT = 0x08;
    static final int DRIVER_FEATURE = 0x0C;
    static final int MSIX_CONFIG = 0x10;
    static final int NUM_QUEUES = 0x12;
    static final int DEVICE_STATUS = 0x14;
    static final int CONFIG_GENERATION = 0x15;
    static final int QUEUE_SELECT = 0x16;
    static final int QUEUE_SIZE = 0x18;
    static final int QUEUE_MSIX_VECTOR = 0x1A;
    static final int QUEUE_ENABLE = 0x1C;
    static final int QUEUE_NOTIFY_OFF = 0x1E;
    static final int QUEUE_DESC = 0x20;
    static final int QUEUE_DRIVER = 0x28;
    static final int QUEUE_DEVICE = 0x30;

    static final int NO_VECTOR = 0xFFFF;

    /// Where data begins in the function's memory.
    static final long DATA = 1 << 20;

    static final long LIMIT = TimeUnit.SECONDS.toNanos(5);
    static final long QUIET = TimeUnit.MILLISECONDS.toNanos(100);

    private static final int VENDOR_SPECIFIC = 9;
    private static final int COMMON = 1;
    private static final int NOTIFY = 2;
    private static final int ISR = 3;
    private static final int DEVICE = 4;

    private final Function function;
    private final Map<Integer, Integer> places = new TreeMap<>();
    private int multiplier;
    private Transcript transcript = new Transcript();

    VirtioRig(Function function) {
        this.function = function;
        int at = 0;
        while ((at = function.capability(VENDOR_SPECIFIC, at)) != 0) {
            int type = function.config(at + 3, 1);
            if (places.putIfAbsent(type, at) == null && type == NOTIFY) {
                multiplier = function.config(at + 16, 4);
            }
        }
    }

    /// Begins a script: the device is reset, its memory zero.
    void begin(Transcript to) {
        transcript = new Transcript();
        reset();
        function.messages(true);
        function.memory().fill((byte) 0);
        for (int i = 0; i < Function.VECTORS; i++) {
            boolean _ = function.hasMessage(i);
        }
        transcript = to;
    }

    Function function() {
        return function;
    }

    MemorySegment memory() {
        return function.memory();
    }

    void say(String format, Object... arguments) {
        transcript.say(format, arguments);
    }

    void work() {
        function.work();
    }

    /// The types of the structures that capabilities point to.
    Iterable<Integer> structures() {
        return places.keySet();
    }

    /// Bytes of a structure.
    int length(int type) {
        return function.config(places.get(type) + 12, 4);
    }

    // ---- Registers

    private long read(int type, int offset, int width) {
        int at = places.get(type);
        return function.read(
                function.config(at + 4, 1), function.config(at + 8, 4) + offset, width);
    }

    private void write(int type, int offset, int width, long value) {
        int at = places.get(type);
        function.write(
                function.config(at + 4, 1), function.config(at + 8, 4) + offset, width, value);
    }

    int common(int offset, int width) {
        return (int) read(COMMON, offset, width);
    }

    void common(int offset, int width, long value) {
        write(COMMON, offset, width, value);
    }

    long device(int offset, int width) {
        return read(DEVICE, offset, width);
    }

    void device(int offset, int width, long value) {
        write(DEVICE, offset, width, value);
    }

    int isr() {
        return (int) read(ISR, 0, 1);
    }

    void show(String name, int offset, int width) {
        say("%s = %x", name, common(offset, width) & (-1 >>> 32 - 8 * width));
    }

    int status() {
        return common(DEVICE_STATUS, 1);
    }

    void status(int value) {
        common(DEVICE_STATUS, 1, value);
    }

    /// Resets and waits for its end.
    void reset() {
        status(0);
        long end = System.nanoTime() + LIMIT;
        while (status() != 0) {
            if (System.nanoTime() - end > 0) {
                say("no end of the reset: status %x", status());
                return;
            }
            work();
        }
    }

    long offered() {
        common(DEVICE_FEATURE_SELECT, 4, 0);
        long low = common(DEVICE_FEATURE, 4) & 0xFFFF_FFFFL;
        common(DEVICE_FEATURE_SELECT, 4, 1);
        return low | (long) common(DEVICE_FEATURE, 4) << 32;
    }

    void accept(long features) {
        common(DRIVER_FEATURE_SELECT, 4, 0);
        common(DRIVER_FEATURE, 4, features & 0xFFFF_FFFFL);
        common(DRIVER_FEATURE_SELECT, 4, 1);
        common(DRIVER_FEATURE, 4, features >>> 32);
    }

    static long bits(int... features) {
        long bits = 0;
        for (int feature : features) {
            bits |= 1L << feature;
        }
        return bits;
    }

    /// Steps 1 to 6 of section 3.1.1.
    ///
    /// @return whether the device took the features
    boolean negotiate(long features) {
        status(ACKNOWLEDGE);
        status(ACKNOWLEDGE | DRIVER);
        accept(features);
        status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
        return (status() & FEATURES_OK) != 0;
    }

    /// The last step.
    void go() {
        status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    }

    /// Tells the device of a queue's buffers; 4.1.5.2.
    void kick(int queue) {
        common(QUEUE_SELECT, 2, queue);
        write(NOTIFY, common(QUEUE_NOTIFY_OFF, 2) * multiplier, 2, queue);
    }

    /// Sets a queue up where the scripts want it.
    RingQueue queue(int index, int size, long features) {
        return queue(index, size, features, NO_VECTOR);
    }

    RingQueue queue(int index, int size, long features, int vector) {
        RingQueue queue = RingQueue.create(this, index, size, features);
        common(QUEUE_SELECT, 2, index);
        common(QUEUE_SIZE, 2, size);
        common(QUEUE_MSIX_VECTOR, 2, vector);
        address(QUEUE_DESC, function.address(queue.descriptors()));
        address(QUEUE_DRIVER, function.address(queue.driverArea()));
        address(QUEUE_DEVICE, function.address(queue.deviceArea()));
        common(QUEUE_ENABLE, 2, 1);
        return queue;
    }

    /// A 64-bit register as two of 32 bits; 4.1.3.1.
    void address(int offset, long value) {
        common(offset, 4, value & 0xFFFF_FFFFL);
        common(offset + 4, 4, value >>> 32);
    }

    /// The device address of data.
    long data(long offset) {
        return function.address(DATA + offset);
    }

    void awaitMessage(int vector) {
        long end = System.nanoTime() + LIMIT;
        while (!function.hasMessage(vector)) {
            if (System.nanoTime() - end > 0) {
                say("no message %d", vector);
                return;
            }
            work();
        }
        say("message %d", vector);
    }

    /// Writes down which messages have come, after a while.
    void messages(String what) {
        pause();
        StringBuilder came = new StringBuilder();
        for (int i = 0; i < Function.VECTORS; i++) {
            if (function.hasMessage(i)) {
                came.append(' ').append(i);
            }
        }
        say("%s: messages%s", what, came.isEmpty() ? " none" : came);
    }

    /// Gives the device time to do what it should not.
    void pause() {
        long end = System.nanoTime() + QUIET;
        while (System.nanoTime() - end < 0) {
            work();
        }
    }
}
