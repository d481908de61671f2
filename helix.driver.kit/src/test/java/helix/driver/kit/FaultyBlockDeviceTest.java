package helix.driver.kit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Each fault is what it says.
class FaultyBlockDeviceTest {
    private static final int BLOCK = 512;

    private final FaultyBlockDevice device = new FaultyBlockDevice(BLOCK, 64);

    @BeforeEach
    void fill() {
        device.writeBlock(0, MemorySegment.ofArray(bytes(64, 1)));
    }

    private static byte[] bytes(int blocks, int value) {
        byte[] bytes = new byte[blocks * BLOCK];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    private void write(long lba, int value) {
        device.writeBlock(lba, MemorySegment.ofArray(bytes(1, value)));
    }

    private byte[] read(long lba) {
        byte[] bytes = new byte[BLOCK];
        device.readBlock(lba, MemorySegment.ofArray(bytes));
        return bytes;
    }

    @Test
    void aDroppedWriteLeavesWhatWasThere() {
        device.plant(Fault.DROPPED_WRITE, 1);
        write(3, 2);
        assertThat(read(3)).containsOnly(1);
        assertThat(device.produced()).isEqualTo(1);
    }

    @Test
    void aTornWriteIsHalfDone() {
        device.plant(Fault.TORN_WRITE, 1);
        write(3, 2);
        byte[] found = read(3);
        assertThat(Arrays.copyOf(found, BLOCK / 2)).containsOnly(2);
        assertThat(Arrays.copyOfRange(found, BLOCK / 2, BLOCK)).containsOnly(1);
    }

    @Test
    void aMisdirectedWriteGoesNextDoor() {
        device.plant(Fault.MISDIRECTED_WRITE, 1);
        write(3, 2);
        write(63, 3);
        assertThat(read(3)).containsOnly(1);
        assertThat(read(4)).containsOnly(2);
        assertThat(read(62)).containsOnly(3);
    }

    @Test
    void aMisdirectedReadComesFromNextDoor() {
        write(3, 2);
        device.plant(Fault.MISDIRECTED_READ, 1);
        assertThat(read(2)).containsOnly(2);
    }

    @Test
    void aLateWriteIsSeenAfterAFlushOrTheNextWriteThere() {
        device.plant(Fault.LATE_WRITE, 1);
        write(3, 2);
        assertThat(read(3)).containsOnly(1);
        device.flush();
        assertThat(read(3)).containsOnly(2);
        write(3, 4);
        write(3, 5);
        assertThat(read(3)).containsOnly(4);
        device.flush();
        assertThat(read(3)).containsOnly(5);
    }

    @Test
    void aReorderedWriteUndoesALaterOne() {
        device.plant(Fault.REORDERED_WRITE, 2);
        read(0);
        write(3, 2); // the second request
        write(3, 4);
        assertThat(read(3)).containsOnly(4);
        device.flush();
        assertThat(read(3)).containsOnly(2);
    }

    @Test
    void aFailedRequestThrows() {
        device.plant(Fault.FAILED_REQUEST, 1);
        assertThatThrownBy(() -> read(0)).isInstanceOf(BlockException.class);
    }

    @Test
    void withoutAFaultTheContractHolds() {
        BlockDeviceKit.of(() -> new FaultyBlockDevice(BLOCK, 32 * 1024))
                .runAll(line -> {})
                .assertPassed();
    }
}
