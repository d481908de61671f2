package helix.driver.bus.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.machine.BusAccess;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A virtio device's registers as section 4.1.4.3 has them, laid out as [FakeFunction#good()] says.
/// An access that has not the width of its field, or a write to what the driver must not write,
/// fails the test.
final class FakeRegisters implements BusAccess {
    private static final int QUEUES = 3;

    /// Widths by offset in the common configuration; 64-bit fields are two of 32.
    private static final Map<Integer, Integer> WIDTHS = new HashMap<>();

    private static final List<Integer> READ_ONLY = List.of(0x04, 0x12, 0x15, 0x1E, 0x38);

    static {
        for (int at : List.of(0x00, 0x04, 0x08, 0x0C, 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34)) {
            WIDTHS.put(at, 4);
        }
        for (int at : List.of(0x10, 0x12, 0x16, 0x18, 0x1A, 0x1C, 0x1E, 0x38, 0x3A)) {
            WIDTHS.put(at, 2);
        }
        WIDTHS.put(0x14, 1);
        WIDTHS.put(0x15, 1);
    }

    /// What the driver did, as a test reads it: `16=1` a write, `18?` a read, hexadecimal.
    final List<String> log = new ArrayList<>();

    final ByteBuffer[] queues = new ByteBuffer[QUEUES];
    final long[] driverFeatures = {0, 0};
    long offered = 0x1_0000_0000L;
    int status;
    int generation;
    int isr = 3;
    int configVector = 0xFFFF;

    /// How often device_status still reads as before after a reset.
    int slowness;

    /// Whether vectors are refused.
    boolean refuses;

    /// Whether a queue that is to be enabled stays as it is.
    boolean stubborn;

    private int deviceSelect;
    private int driverSelect;
    private int queue;
    private int resetting;

    FakeRegisters() {
        for (int i = 0; i < QUEUES; i++) {
            queues[i] = ByteBuffer.allocate(0x40).order(ByteOrder.LITTLE_ENDIAN);
        }
        reset();
    }

    private void reset() {
        for (int i = 0; i < QUEUES; i++) {
            queues[i].clear().put(new byte[0x40]);
            queues[i].putShort(0x18, (short) (i == 2 ? 0 : 256));
            queues[i].putShort(0x1A, (short) 0xFFFF);
            queues[i].putShort(0x1E, (short) i);
            queues[i].putShort(0x38, (short) (0x100 + i));
        }
        configVector = 0xFFFF;
        driverFeatures[0] = 0;
        driverFeatures[1] = 0;
    }

    private int read(long address, int width) {
        int at = (int) (address - FakeHal.BASE);
        log.add(Integer.toHexString(at) + "?");
        if (at == 0x1000) {
            assertThat(width).isEqualTo(1);
            int value = isr;
            isr = 0;
            return value;
        }
        if (at >= 0x2000) {
            return at & 0xFF;
        }
        check(at, width);
        return switch (at) {
            case 0x00 -> deviceSelect;
            case 0x04 -> deviceSelect < 2 ? (int) (offered >>> 32 * deviceSelect) : 0;
            case 0x08 -> driverSelect;
            case 0x0C -> driverSelect < 2 ? (int) driverFeatures[driverSelect] : 0;
            case 0x10 -> configVector;
            case 0x12 -> QUEUES;
            case 0x14 -> status();
            case 0x15 -> generation;
            case 0x16 -> queue;
            case 0x3A -> resetting > 0 && resetting-- > 0 ? 1 : 0;
            default ->
                    queue >= QUEUES
                            ? 0
                            : width == 2
                                    ? queues[queue].getShort(at) & 0xFFFF
                                    : queues[queue].getInt(at);
        };
    }

    private int status() {
        if (slowness > 0 && --slowness == 0) {
            status = 0;
        }
        return status;
    }

    private void write(long address, int width, int value) {
        int at = (int) (address - FakeHal.BASE);
        log.add(Integer.toHexString(at) + "=" + Integer.toHexString(value));
        if (at >= 0x1000) {
            return;
        }
        check(at, width);
        assertThat(READ_ONLY).as("fields the driver MUST NOT write to").doesNotContain(at);
        switch (at) {
            case 0x00 -> deviceSelect = value;
            case 0x08 -> driverSelect = value;
            case 0x0C -> driverFeatures[driverSelect] = Integer.toUnsignedLong(value);
            case 0x10 -> configVector = refuses ? 0xFFFF : value;
            case 0x14 -> statusWritten(value);
            case 0x16 -> queue = value;
            case 0x1A -> queues[queue].putShort(at, (short) (refuses ? 0xFFFF : value));
            case 0x1C -> {
                assertThat(value).as("the driver MUST NOT write a 0 to queue_enable").isEqualTo(1);
                queues[queue].putShort(at, (short) (stubborn ? 0 : 1));
            }
            case 0x3A -> {
                resetting = 2;
                queues[queue].putShort(0x1C, (short) 0);
            }
            default -> {
                if (width == 2) {
                    queues[queue].putShort(at, (short) value);
                } else {
                    queues[queue].putInt(at, value);
                }
            }
        }
    }

    private void statusWritten(int value) {
        if (value != 0) {
            status = value;
        } else {
            reset();
            if (slowness == 0) {
                status = 0;
            }
        }
    }

    private static void check(int at, int width) {
        assertThat(width).as("width of the access at 0x%x", at).isEqualTo(WIDTHS.get(at));
    }

    @Override
    public byte read8(long address) {
        return (byte) read(address, 1);
    }

    @Override
    public short read16(long address) {
        return (short) read(address, 2);
    }

    @Override
    public int read32(long address) {
        return read(address, 4);
    }

    @Override
    public long read64(long address) {
        throw new AssertionError("64-bit fields are to be treated as two 32-bit fields");
    }

    @Override
    public void write8(long address, byte value) {
        write(address, 1, value & 0xFF);
    }

    @Override
    public void write16(long address, short value) {
        write(address, 2, value & 0xFFFF);
    }

    @Override
    public void write32(long address, int value) {
        write(address, 4, value);
    }

    @Override
    public void write64(long address, long value) {
        throw new AssertionError("64-bit fields are to be treated as two 32-bit fields");
    }
}
