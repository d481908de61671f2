package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import helix.modules.api.ModuleError;
import helix.modules.api.Rehearsal;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RehearsalTest {
    private final FakeHal hal = new FakeHal();
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void end() {
        arena.close();
        hal.close();
    }

    @Test
    void aRehearsalTouchesNoDevice() throws Exception {
        NvmeDriver driver = new NvmeDriver(hal.device, hal, hal, hal, hal, Settings.standard());
        assertThat(driver.stateSchema()).contains(ControllerState.SCHEMA);
        Scratch scratch = new Scratch(Duration.ofSeconds(5));
        driver.rehearse(scratch);
        assertThat(scratch.bytes).isPositive();
        assertThat(hal.nvme.mmioAccesses).isZero();
        assertThat(hal.liveBuffers).isZero();
        assertThat(hal.vectorCount()).isZero();
        assertThat(hal.busMaster).isFalse();
    }

    @Test
    void aRehearsalKeepsItsDeadline() throws Exception {
        long begin = System.nanoTime();
        new DriverRehearsal(new Scratch(Duration.ZERO), Settings.standard()).run();
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(1));
    }

    /// Scratch memory whose registers do not keep a doorbell: nothing ends.
    @Test
    void aRehearsalThatFailsIsRefused() {
        Scratch deaf =
                new Scratch(Duration.ofSeconds(5)) {
                    @Override
                    public MmioRegion registers(long bytes) {
                        return MmioRegion.ofAccess("nothing", hal.lease, new NoBus(), 0, bytes);
                    }
                };
        assertThatThrownBy(() -> new DriverRehearsal(deaf, Settings.standard()).run())
                .isInstanceOf(ModuleError.class)
                .hasMessageStartingWith("rehearsal: ");
    }

    private class Scratch implements Rehearsal {
        private final Deadline deadline;
        long bytes;

        Scratch(Duration limit) {
            deadline = Deadline.after(limit);
        }

        @Override
        public DmaBuffer memory(long size, long alignment) {
            MemorySegment segment = arena.allocate(size, alignment);
            bytes += size;
            return new DmaBuffer(segment, segment.address(), this, b -> {});
        }

        @Override
        public MmioRegion registers(long size) {
            return MmioRegion.ofMapped("scratch", hal.lease, arena.allocate(size, 8));
        }

        @Override
        public Deadline deadline() {
            return deadline;
        }
    }

    /// Reads zeroes and forgets what is written.
    private static final class NoBus implements helix.hal.api.machine.BusAccess {
        @Override
        public byte read8(long address) {
            return 0;
        }

        @Override
        public short read16(long address) {
            return 0;
        }

        @Override
        public int read32(long address) {
            return 0;
        }

        @Override
        public long read64(long address) {
            return 0;
        }

        @Override
        public void write8(long address, byte value) {}

        @Override
        public void write16(long address, short value) {}

        @Override
        public void write32(long address, int value) {}

        @Override
        public void write64(long address, long value) {}
    }
}
