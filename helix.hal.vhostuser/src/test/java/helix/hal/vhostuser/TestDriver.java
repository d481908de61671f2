package helix.hal.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Deadline;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.vhostuser.VirtioPci.Bar;
import helix.hal.vhostuser.VirtioPci.Common;
import java.util.function.BooleanSupplier;

/// Does to a function what HAL and driver do, through config space and registers only.
final class TestDriver {
    static final int ACKNOWLEDGE = 1;
    static final int DRIVER = 2;
    private static final long ADDRESS = 0xC000_0000L;
    private static final int CAP_MSIX_CONTROL = 0x9A;

    private final HostBus bus;
    private final int devfn;
    private final long bar;

    TestDriver(HostBus bus, int number) {
        this.bus = bus;
        this.devfn = number << 3;
        this.bar = ADDRESS + (long) number * Bar.SIZE;
        bus.writeConfig(0, devfn, VirtioFunction.BAR0, 4, (int) bar);
        bus.writeConfig(0, devfn, VirtioFunction.COMMAND, 2, 6);
    }

    int config(int offset, int width) {
        int value = bus.readConfig(0, devfn, offset, width);
        return width == 4 ? value : value & (1 << 8 * width) - 1;
    }

    void config(int offset, int width, int value) {
        bus.writeConfig(0, devfn, offset, width, value);
    }

    int read8(int offset) {
        return bus.read8(bar + offset) & 0xFF;
    }

    int read16(int offset) {
        return bus.read16(bar + offset) & 0xFFFF;
    }

    int read32(int offset) {
        return bus.read32(bar + offset);
    }

    void write8(int offset, int value) {
        bus.write8(bar + offset, (byte) value);
    }

    void write16(int offset, int value) {
        bus.write16(bar + offset, (short) value);
    }

    void write32(int offset, int value) {
        bus.write32(bar + offset, value);
    }

    long address(int offset) {
        return bar + offset;
    }

    int status() {
        return read8(Common.DEVICE_STATUS);
    }

    void status(int value) {
        write8(Common.DEVICE_STATUS, value);
    }

    long deviceFeatures() {
        write32(Common.DEVICE_FEATURE_SELECT, 0);
        long low = Integer.toUnsignedLong(read32(Common.DEVICE_FEATURE));
        write32(Common.DEVICE_FEATURE_SELECT, 1);
        return low | (long) read32(Common.DEVICE_FEATURE) << 32;
    }

    /// 3.1.1 up to FEATURES_OK.
    ///
    /// @return whether it stuck
    boolean negotiate(long features) {
        status(ACKNOWLEDGE);
        status(ACKNOWLEDGE | DRIVER);
        write32(Common.DRIVER_FEATURE_SELECT, 0);
        write32(Common.DRIVER_FEATURE, (int) features);
        write32(Common.DRIVER_FEATURE_SELECT, 1);
        write32(Common.DRIVER_FEATURE, (int) (features >>> 32));
        status(ACKNOWLEDGE | DRIVER | VirtioPci.FEATURES_OK);
        return (status() & VirtioPci.FEATURES_OK) != 0;
    }

    /// Enables a queue.
    void queue(int index, int size, int vector, long desc, long driver, long device) {
        write16(Common.QUEUE_SELECT, index);
        write16(Common.QUEUE_SIZE, size);
        write16(Common.QUEUE_MSIX_VECTOR, vector);
        write64(Common.QUEUE_DESC, desc);
        write64(Common.QUEUE_DRIVER, driver);
        write64(Common.QUEUE_DEVICE, device);
        write16(Common.QUEUE_ENABLE, 1);
    }

    private void write64(int offset, long value) {
        write32(offset, (int) value);
        write32(offset + 4, (int) (value >>> 32));
    }

    void go() {
        status(ACKNOWLEDGE | DRIVER | VirtioPci.FEATURES_OK | VirtioPci.DRIVER_OK);
    }

    void doorbell(int queue) {
        write16(Bar.NOTIFY + queue * Bar.NOTIFY_MULTIPLIER, queue);
    }

    /// Programs an MSI-X entry.
    void message(int vector, Messages message, boolean masked) {
        int entry = Bar.MSIX_TABLE + vector * MsixTable.ENTRY;
        write32(entry, (int) message.address());
        write32(entry + 4, (int) (message.address() >>> 32));
        write32(entry + 8, message.data());
        write32(entry + 12, masked ? 1 : 0);
    }

    void enableMessages() {
        config(CAP_MSIX_CONTROL, 2, 1 << 15);
    }

    /// Resets and waits.
    ///
    /// @return whether it was confirmed
    boolean reset(long millis) {
        status(0);
        return waitFor(millis, () -> status() == 0);
    }

    static boolean waitFor(long millis, BooleanSupplier condition) {
        Deadline deadline = Deadline.afterMillis(millis);
        while (!condition.getAsBoolean()) {
            if (deadline.isExpired()) {
                return false;
            }
            Thread.onSpinWait();
        }
        return true;
    }

    static void await(long millis, BooleanSupplier condition) {
        assertThat(waitFor(millis, condition)).isTrue();
    }
}
