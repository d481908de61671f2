package helix.driver.net.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import helix.modules.api.Rehearsal;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RehearsalTest {
    private final FakeNic nic = new FakeNic(FakeNic.ALL, 1, 64);
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void end() {
        arena.close();
        nic.close();
    }

    @Test
    void aRehearsalTouchesNoDevice() {
        VirtioNetDriver driver = new VirtioNetDriver(nic.device, nic.machine, nic.machine);
        assertThat(driver.stateSchema()).contains(NetState.SCHEMA);
        Scratch scratch = new Scratch(Duration.ofSeconds(5), true);
        driver.rehearse(scratch);
        assertThat(scratch.bytes).isPositive();
        assertThat(nic.device.resets()).isZero();
        assertThat(nic.machine.liveBuffers()).isZero();
        assertThat(nic.machine.vectorCount()).isZero();
    }

    @Test
    void aRehearsalKeepsItsDeadline() {
        long begin = System.nanoTime();
        new DriverRehearsal(new Scratch(Duration.ZERO, true), Settings.standard()).run();
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(1));
    }

    @Test
    void aRehearsalThatFailsIsRefused() {
        assertThatThrownBy(() ->
                        new DriverRehearsal(
                                        new Scratch(Duration.ofSeconds(5), false),
                                        Settings.standard())
                                .run())
                .isInstanceOf(helix.hal.api.DeviceException.class);
    }

    private final class Scratch implements Rehearsal {
        private final Deadline deadline;
        private final boolean hasMemory;
        long bytes;

        Scratch(Duration limit, boolean hasMemory) {
            deadline = Deadline.after(limit);
            this.hasMemory = hasMemory;
        }

        @Override
        public DmaBuffer memory(long size, long alignment) {
            if (!hasMemory) {
                throw new helix.hal.api.DeviceException("no memory");
            }
            MemorySegment segment = arena.allocate(size, alignment);
            bytes += size;
            return new DmaBuffer(segment, segment.address(), this, b -> {});
        }

        @Override
        public MmioRegion registers(long size) {
            return MmioRegion.ofMapped("scratch", nic.machine.lease(), arena.allocate(size, 8));
        }

        @Override
        public Deadline deadline() {
            return deadline;
        }
    }
}
