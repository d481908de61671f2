package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShadowDoorbellsTest {
    private final Fixture f = new Fixture();

    @AfterEach
    void end() {
        f.close();
    }

    // event index, before, now, must the register be written
    @ParameterizedTest
    @CsvSource({
        "0,0,1,true",
        "1,0,1,false",
        "5,3,6,true",
        "6,3,6,false",
        "2,3,6,false",
        "65535,65534,2,true",
        "1,65534,2,true",
        "2,65534,2,false"
    })
    void theRegisterIsWrittenWhenTheEventIndexIsPassed(
            int event, int before, int now, boolean write) {
        assertThat(ShadowDoorbells.isPassed(event, before, now)).isEqualTo(write);
    }

    @Test
    void shadowDoorbellsReplaceTheRegisterWhereTheControllerOffersThem() {
        f.commands.oacs = 1 << 8;
        f.settings = f.settings.withShadowDoorbells(true);
        f.start();
        assertThat(f.commands.shadow).isNotZero();
        try (BlockQueue queue = f.disk().openQueue(QueueOptions.polled(4))) {
            // The event index is 0, so the first tail passes it; then the controller asks for less.
            queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
            assertThat(Fixture.drain(queue, 1)).containsExactly("1:ok");
            f.hal.resolve(f.commands.eventIndex + 8, 4).set(ValueLayout.JAVA_INT, 0, 100);
            int writes = f.nvme.doorbellWrites;
            queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2);
            queue.kick();
            assertThat(f.nvme.doorbellWrites).isEqualTo(writes);
            assertThat(f.hal.resolve(f.commands.shadow + 8, 4).get(ValueLayout.JAVA_INT, 0))
                    .isEqualTo(2);
            f.nvme.tailFromShadow(1, 2);
            assertThat(Fixture.drain(queue, 1)).containsExactly("2:ok");
        }
    }

    @Test
    void withoutTheOfferTheRegisterIsWritten() {
        f.settings = f.settings.withShadowDoorbells(true);
        f.start();
        assertThat(f.commands.shadow).isZero();
        f.disk().flush();
    }

    /// QEMU takes the tail that the earlier queue left for the new one's.
    @Test
    void aQueueDoesNotInheritTheValuesOfAnEarlierOneOfItsNumber() {
        f.commands.oacs = 1 << 8;
        f.settings = f.settings.withShadowDoorbells(true);
        f.start();
        try (BlockQueue first = f.disk().openQueue(QueueOptions.polled(4))) {
            first.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 1);
            Fixture.drain(first, 1);
            f.hal.resolve(f.commands.eventIndex + 8, 4).set(ValueLayout.JAVA_INT, 0, 100);
        }
        try (BlockQueue second = f.disk().openQueue(QueueOptions.polled(4))) {
            assertThat(f.hal.resolve(f.commands.shadow + 8, 4).get(ValueLayout.JAVA_INT, 0))
                    .isZero();
            second.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 2);
            assertThat(Fixture.drain(second, 1)).containsExactly("2:ok");
        }
    }

    @Test
    void aResetConfiguresThemAgain() {
        f.commands.oacs = 1 << 8;
        f.settings = f.settings.withShadowDoorbells(true);
        f.start();
        f.nvme.fatal = 1;
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(1);
        assertThat(f.commands.shadow).isNotZero();
        f.disk().flush();
    }
}
