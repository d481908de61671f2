package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.hal.api.DmaBuffer;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Completions that no right controller sends lead to a reset, and each request still ends once.
class HostileControllerTest {
    private final Fixture f = new Fixture();
    private BlockQueue queue;
    private DmaBuffer buffer;

    @BeforeEach
    void begin() {
        f.start();
        queue = f.disk().openQueue(QueueOptions.polled(8));
        buffer = f.disk().allocate(4096);
        f.nvme.hold = c -> c.sq.id != 0;
        for (int i = 0; i < 2; i++) {
            queue.submit(BlockOp.READ, 0, i, 1, buffer, 0, i);
        }
        queue.kick();
    }

    @AfterEach
    void end() {
        queue.close();
        buffer.close();
        f.close();
    }

    private FakeNvme.Sq sq() {
        return f.nvme.sqs.get(1);
    }

    private void resetsAndEndsEachOnce(int expected) {
        int taken = queue.poll((tag, status) -> {}, 100);
        f.runAgents();
        assertThat(f.nvme.resets).isEqualTo(1);
        assertThat(Fixture.drain(queue, expected - taken)).hasSize(expected - taken);
        assertThat(queue.inFlight()).isZero();
        f.nvme.hold = c -> false;
        assertThat(queue.submit(BlockOp.FLUSH, 0, 0, 0, null, 0, 9)).isTrue();
        assertThat(Fixture.drain(queue, 1)).containsExactly("9:ok");
    }

    @Test
    void aCommandIdentifierOutOfRange() {
        f.nvme.complete(sq(), 0xFFFF, 0, 0);
        resetsAndEndsEachOnce(2);
    }

    @Test
    void aCommandIdentifierOfAFreeSlot() {
        f.nvme.complete(sq(), 7, 0, 0);
        resetsAndEndsEachOnce(2);
    }

    @Test
    void aCompletionThatIsRepeated() {
        int cid = f.nvme.held.get(0).cid;
        f.nvme.complete(sq(), cid, 0, 0);
        f.nvme.complete(sq(), cid, 0, 0);
        resetsAndEndsEachOnce(2);
    }

    @Test
    void aCompletionOfAnEarlierCommandInTheSameSlot() {
        int cid = f.nvme.held.get(0).cid;
        f.nvme.complete(sq(), cid ^ 0x1000, 0, 0);
        resetsAndEndsEachOnce(2);
    }

    @Test
    void aSubmissionQueueHeadBeyondTheQueue() {
        int cid = f.nvme.held.get(0).cid;
        int head = sq().head;
        sq().head = 0xFFFF;
        f.nvme.complete(sq(), cid, 0, 0);
        sq().head = head;
        resetsAndEndsEachOnce(2);
    }

    @Test
    void aSubmissionQueueIdentifierOfAnotherQueue() {
        int cid = f.nvme.held.get(0).cid;
        sq().id = 5;
        f.nvme.complete(sq(), cid, 0, 0);
        sq().id = 1;
        resetsAndEndsEachOnce(2);
    }

    @Test
    void aWrongPhaseIsNoCompletion() {
        FakeNvme.Cq cq = f.nvme.cqs.get(1);
        cq.phase = 0;
        f.nvme.complete(sq(), f.nvme.held.get(0).cid, 0, 0);
        assertThat(queue.poll((tag, status) -> {}, 100)).isZero();
        f.hal.resolve(cq.address, 16).set(ValueLayout.JAVA_INT, 12, 0);
        cq.phase = 1;
        cq.tail = 0;
        f.nvme.releaseHeld();
        assertThat(Fixture.drain(queue, 2)).hasSize(2);
    }

    @Test
    void anUnknownAdminCompletion() {
        f.nvme.complete(f.nvme.sqs.get(0), 0x7123, 0, 0);
        f.runAgents();
        resetsAndEndsEachOnce(2);
    }

    @Test
    void statusesBecomeWhatAClientUnderstands() {
        int[] statuses = {
            0x281, 0x280, 0x285, 0x080, 0x081, 0x020, 0x001, 0x006, 0x00B, 0x007, 0x371
        };
        String[] texts = {
            "media error", "media error", "compare failed", "beyond the end", "no space left",
            "read only", "not supported by the device", "I/O error", "device is gone", "aborted",
            "I/O error"
        };
        f.nvme.releaseHeld();
        Fixture.drain(queue, 2);
        for (int i = 0; i < statuses.length; i++) {
            f.nvme.hold = c -> c.sq.id != 0;
            queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, i);
            queue.kick();
            f.nvme.complete(f.nvme.held.removeFirst(), statuses[i], 0);
            assertThat(Fixture.drain(queue, 1)).containsExactly(i + ":" + texts[i]);
        }
    }
}
