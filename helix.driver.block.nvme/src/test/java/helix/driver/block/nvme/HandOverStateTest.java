package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A state is believed only as far as it was checked.
class HandOverStateTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    private BlockQueue busyQueue(DmaBuffer buffer) {
        BlockQueue queue = f.disk().openQueue(QueueOptions.polled(16).asPassable());
        f.nvme.hold = c -> c.sq.id != 0;
        for (int i = 0; i < 8; i++) {
            assertThat(queue.submit(BlockOp.READ, 0, i, 1, buffer, 512L * i, i)).isTrue();
        }
        queue.kick();
        return queue;
    }

    @Test
    void theSameStateIsWrittenAgain() {
        f.start();
        DmaBuffer buffer = f.disk().allocate(4096);
        f.disk().flush();
        BlockQueue old = busyQueue(buffer);
        ModuleState state = f.save();
        assertThat(ControllerState.of(state).toModuleState()).isEqualTo(state);
        f.adopt(state);
        f.driver.start();
        assertThat(f.save()).isEqualTo(state);
        f.adopt(state);
        f.driver.start();
        f.nvme.releaseHeld();
        assertThat(Fixture.drain(f.follow(old), 8)).hasSize(8);
        buffer.close();
    }

    @Test
    void aStateOfAnotherKindOrADamagedOneIsRefused() {
        f.start();
        ModuleState state = f.save();
        refused(new ModuleState("virtio.block", 1, state.data(), state.checksum()), "no state of");
        refused(new ModuleState(state.schema(), 2, state.data(), state.checksum()), "version 2");
        refused(new ModuleState(state.schema(), 1, state.data(), state.checksum() + 1), "damaged");
        f.adopt(state);
        f.driver.start();
        f.disk().flush();
    }

    private void refused(ModuleState state, String why) {
        assertThatThrownBy(() -> f.adopt(state))
                .isInstanceOf(ModuleError.class)
                .hasMessageContaining(why);
    }

    /// The checksum is right each time, so that all of it is read. The fixture fails the test when
    /// a register is accessed.
    @Test
    void aWrongStateIsRefusedOrHarmless() {
        f.commands.oacs = 1 << 8;
        f.settings = f.settings.withShadowDoorbells(true);
        f.start();
        DmaBuffer buffer = f.disk().allocate(4096);
        f.disk().flush();
        BlockQueue old = busyQueue(buffer);
        ModuleState state = f.save();
        int refused = 0;
        Random random = new Random(42);
        for (int i = 0; i < 1000; i++) {
            byte[] wrong = mutate(state.data(), random);
            try {
                f.adopt(ModuleState.of(state.schema(), state.version(), wrong));
            } catch (ModuleError e) {
                assertThat(e).hasMessageMatching("(?s).+");
                refused++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("mutation " + i, e);
            }
        }
        assertThat(refused).isGreaterThan(500);
        f.adopt(state);
        f.driver.start();
        f.nvme.releaseHeld();
        assertThat(Fixture.drain(f.follow(old), 8)).hasSize(8).contains("0:ok", "7:ok");
        buffer.close();
    }

    private static byte[] mutate(byte[] data, Random random) {
        byte[] wrong = data.clone();
        switch (random.nextInt(4)) {
            case 0 -> {
                return Arrays.copyOf(wrong, random.nextInt(wrong.length));
            }
            case 1 -> {
                for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
                    wrong[random.nextInt(wrong.length)] ^= (byte) (1 << random.nextInt(8));
                }
            }
            case 2 -> {
                int at = random.nextInt(wrong.length - 4);
                for (int i = at; i < at + 4; i++) {
                    wrong[i] = (byte) random.nextInt();
                }
            }
            default -> {
                int at = random.nextInt(wrong.length - 4);
                Arrays.fill(wrong, at, at + 4, random.nextBoolean() ? (byte) -1 : 0);
                if (Arrays.equals(wrong, data)) {
                    return Arrays.copyOf(wrong, wrong.length + 1);
                }
            }
        }
        return wrong;
    }
}
