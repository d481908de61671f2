package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// One generation leaves a controller at work to the next.
class HandOverTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    private BlockQueue open(int depth) {
        return f.disk().openQueue(QueueOptions.polled(depth).asPassable());
    }

    @Test
    void commandsInFlightEndInTheNextGeneration() {
        f.start();
        BlockQueue old = open(64);
        DmaBuffer buffer = f.disk().allocate(64 * 512);
        for (int block = 0; block < 32; block++) {
            byte[] data = new byte[512];
            data[0] = (byte) (block + 1);
            f.commands.namespaces.get(1).write(block, data);
        }
        f.nvme.hold = c -> c.sq.id != 0;
        for (int i = 0; i < 32; i++) {
            assertThat(old.submit(BlockOp.READ, 0, i, 1, buffer, 512L * i, 100 + i)).isTrue();
        }
        old.kick();

        f.handOver();
        BlockQueue next = f.follow(old);
        assertThat(next.inFlight()).isEqualTo(32);
        f.nvme.releaseHeld();
        List<String> ended = Fixture.drain(next, 32);
        assertThat(ended).hasSize(32).doesNotHaveDuplicates();
        for (int i = 0; i < 32; i++) {
            assertThat(ended).contains(100 + i + ":ok");
            assertThat(buffer.segment().get(ValueLayout.JAVA_BYTE, 512L * i)).isEqualTo((byte) (i + 1));
        }
        assertThat(f.nvme.resets).isZero();
        assertThat(next.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 7)).isTrue();
        assertThat(Fixture.drain(next, 1)).containsExactly("7:ok");
        next.close();
        buffer.close();
    }
}
