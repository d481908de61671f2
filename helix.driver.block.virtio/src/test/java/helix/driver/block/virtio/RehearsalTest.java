package helix.driver.block.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DmaBuffer;
import helix.modules.api.ModuleError;
import helix.modules.api.RehearsalContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RehearsalTest {
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void end() {
        arena.close();
    }

    @Test
    void aRehearsalTouchesNoDevice() throws Exception {
        VirtioBlockDriver driver =
                new VirtioBlockDriver(
                        _ -> {
                            throw new AssertionError("the device was touched");
                        },
                        Settings.standard());
        assertThat(driver.stateSchema()).contains(BlkState.SCHEMA);
        ScratchMemory scratch = new ScratchMemory(arena, Duration.ofSeconds(5));
        driver.rehearse(scratch);
        assertThat(scratch.bytes).isPositive();
    }

    @Test
    void aRehearsalKeepsItsDeadline() throws Exception {
        long begin = System.nanoTime();
        new DriverRehearsal(new ScratchMemory(arena, Duration.ZERO), Settings.standard()).run();
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(1));
    }

    /// Scratch memory that forgets what is in flight.
    @Test
    void aRehearsalThatFailsIsRefused() {
        ScratchMemory forgetful =
                new ScratchMemory(arena, Duration.ofSeconds(5)) {
                    @Override
                    public DmaBuffer memory(long size, long alignment) {
                        MemorySegment bytes = arena.allocate(size, alignment);
                        return new DmaBuffer(bytes, 4096, this, b -> {});
                    }
                };
        assertThatThrownBy(() -> new DriverRehearsal(forgetful, Settings.standard()).run())
                .isInstanceOf(RuntimeException.class);
    }

    @Test
    void aDamagedStateIsRefused() throws Exception {
        VirtioBlockDriver driver =
                new VirtioBlockDriver(
                        _ -> new RehearsalHal(new ScratchMemory(arena, Duration.ofSeconds(1))),
                        Settings.standard());
        driver.init(new RehearsalContext(true));
        byte[] nothing = new byte[20];
        assertThatThrownBy(() ->
                        driver.restoreState(
                                helix.modules.api.ModuleState.of(
                                        BlkState.SCHEMA.name(), 1, nothing)))
                .isInstanceOf(ModuleError.class);
        assertThatThrownBy(() ->
                        driver.restoreState(
                                helix.modules.api.ModuleState.of(
                                        BlkState.SCHEMA.name(), 2, nothing)))
                .isInstanceOf(ModuleError.class)
                .hasMessageContaining("version 2");
    }
}
