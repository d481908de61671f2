package helix.hal.sim.nvme;

import static helix.hal.sim.nvme.ScriptHost.entry;
import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.nvme.ScriptHost.Completion;
import helix.hal.sim.nvme.ScriptHost.Queue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Creating, using and deleting queues. Base 2.0, sections 3.3 and 5.4 to 5.7.
class QueuesTest {
    private final SimAccess sim = new SimAccess("queues=4", "queue-size=64");
    private final ScriptHost host = new ScriptHost(sim);

    @BeforeEach
    void enable() {
        host.enable();
    }

    @AfterEach
    void close() {
        sim.close();
    }

    @ParameterizedTest
    @CsvSource({
        "0, 16, 1, 0, 0x101", // the admin queue's number
        "5, 16, 1, 0, 0x101", // beyond what there is
        "1, 1, 1, 0, 0x102",
        "1, 65, 1, 0, 0x102",
        "1, 16, 0, 0, 0x002", // not contiguous
        "1, 16, 3, 5, 0x108", // no such vector
        "1, 16, 3, 4, 0x000",
        "1, 2, 1, 0, 0x000",
        "4, 64, 1, 0, 0x000",
    })
    void checksCompletionQueues(int id, int entries, int flags, int vector, String status) {
        Completion completion =
                host.admin(
                        entry(0x05)
                                .prp(host.address(host.allocate(1)), 0)
                                .cdw(10, id | ((entries - 1) << 16))
                                .cdw(11, flags | vector << 16));
        check(completion, status);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 16, 1, 1, 0x101",
        "5, 16, 1, 1, 0x101",
        "1, 1, 1, 1, 0x102",
        "1, 65, 1, 1, 0x102",
        "1, 16, 0, 1, 0x002",
        "1, 16, 1, 2, 0x100", // no such completion queue
        "1, 16, 1, 0, 0x101", // the admin completion queue
        "1, 16, 1, 9, 0x101",
        "2, 64, 1, 1, 0x000",
    })
    void checksSubmissionQueues(int id, int entries, int flags, int completions, String status) {
        assertThat(host.createCompletions(host.new Queue(1, 16, 16), -1).status()).isZero();
        Completion completion =
                host.admin(
                        entry(0x01)
                                .prp(host.address(host.allocate(1)), 0)
                                .cdw(10, id | ((entries - 1) << 16))
                                .cdw(11, flags | completions << 16));
        check(completion, status);
    }

    private static void check(Completion completion, String status) {
        assertThat(completion.code()).isEqualTo(Integer.decode(status));
        assertThat(completion.doNotRetry()).isEqualTo(completion.code() != 0);
    }

    @Test
    void refusesMisplacedRingsAndDuplicates() {
        assertThat(
                        host.admin(
                                        entry(0x05)
                                                .prp(SimAccess.BASE + 64, 0)
                                                .cdw(10, 15 << 16 | 1)
                                                .cdw(11, 1))
                                .code())
                .isEqualTo(0x13);
        Queue queue = host.pair(1, 16, -1);
        assertThat(host.createCompletions(queue, -1).code()).isEqualTo(0x101);
        assertThat(host.createSubmissions(queue, 1).code()).isEqualTo(0x101);
    }

    @Test
    void wantsStandardEntries() {
        host.write32(ScriptHost.CC, 1);
        Queue queue = host.new Queue(1, 16, 16);
        assertThat(host.createCompletions(queue, -1).code()).isEqualTo(0x102);
        host.write32(ScriptHost.CC, ScriptHost.ENABLE & ~0xF0000);
        assertThat(host.createCompletions(queue, -1).code()).isZero();
        assertThat(host.createSubmissions(queue, 1).code()).isEqualTo(0x102);
    }

    @Test
    void takesOnlyVectorZeroWithoutMessages() {
        sim.messagesEnabled = false;
        assertThat(host.createCompletions(host.new Queue(1, 16, 16), 1).code()).isEqualTo(0x108);
        assertThat(host.createCompletions(host.new Queue(1, 16, 16), 0).code()).isZero();
    }

    @Test
    void deletesInTheRightOrderOnly() {
        Queue _ = host.pair(1, 16, -1);

        assertThat(host.admin(entry(0x04).cdw(10, 1)).code()).isEqualTo(0x10C);
        assertThat(sim.violations).hasSize(1);
        assertThat(sim.violations.getFirst()).contains("deleted in use");
        assertThat(host.admin(entry(0x00).cdw(10, 1)).code()).isZero();
        assertThat(host.admin(entry(0x04).cdw(10, 1)).code()).isZero();
        assertThat(host.pair(1, 16, -1).send(entry(0).nsid(1)).status()).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 5, 0xFFFF})
    void deletesOnlyWhatIsThere(int id) {
        Queue _ = host.pair(1, 16, -1);
        assertThat(host.admin(entry(0x00).cdw(10, id)).code()).isEqualTo(0x101);
        assertThat(host.admin(entry(0x04).cdw(10, id)).code()).isEqualTo(0x101);
    }

    @Test
    void endsCommandsOfADeletedQueueFirst() {
        Queue queue = host.pair(1, 16, -1);
        String _ = sim.model.fault("time-out", java.util.Map.of("times", "2"));
        int first = queue.put(entry(0).nsid(1));
        int second = queue.put(entry(0).nsid(1));
        queue.ring();
        sim.progress(3);
        assertThat(queue.poll()).isNull();

        assertThat(host.admin(entry(0x00).cdw(10, 1)).code()).isZero();

        var ended = queue.take(2);
        assertThat(ended).extracting(Completion::id).containsExactlyInAnyOrder(first, second);
        assertThat(ended).allMatch(completion -> completion.code() == 0x008);
    }

    @Test
    void waitsForRoomInTheCompletionQueue() {
        Queue queue = host.new Queue(1, 16, 4);
        assertThat(host.createCompletions(queue, -1).status()).isZero();
        assertThat(host.createSubmissions(queue, 1).status()).isZero();
        for (int i = 0; i < 8; i++) {
            int _ = queue.put(entry(0).nsid(1));
        }
        queue.ring();
        sim.progress(10);

        for (int i = 0; i < 3; i++) {
            assertThat(queue.poll()).isNotNull();
        }
        assertThat(queue.poll()).isNull();
        sim.progress(10);
        assertThat(queue.poll()).isNull();
        queue.release();
        assertThat(queue.take(5)).hasSize(5);
        assertThat(sim.violations).isEmpty();
    }

    @Test
    void sharesACompletionQueue() {
        Queue first = host.pair(1, 16, -1);
        Queue second = host.new Queue(2, 16, 16);
        assertThat(host.createSubmissions(second, 1).status()).isZero();
        int id = second.put(entry(0).nsid(1));
        second.ring();

        Completion completion = first.take();
        assertThat(completion.queue()).isEqualTo(2);
        assertThat(completion.id()).isEqualTo(id);
        assertThat(host.admin(entry(0x00).cdw(10, 1)).code()).isZero();
        assertThat(host.admin(entry(0x04).cdw(10, 1)).code()).isEqualTo(0x10C);
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "register of no queue, 0x1010, 1, 0x00",
        "head of no queue, 0x1014, 1, 0x00",
        "beyond the last queue, 0x1800, 1, 0x00",
        "tail beyond the ring, 0x1008, 16, 0x01",
        "tail far beyond, 0x1008, -1, 0x01",
        "head beyond the ring, 0x100C, 16, 0x01",
        "head beyond the tail, 0x100C, 3, 0x01",
    })
    void reportsInvalidDoorbells(String name, String offset, int value, int event) {
        Queue queue = host.pair(1, 16, -1);
        int request = host.admin().put(entry(0x0C));
        host.admin().ring();
        sim.progress(2);

        host.write32(Integer.decode(offset), value);

        Completion reported = host.admin().take();
        assertThat(reported.id()).isEqualTo(request);
        assertThat(reported.result()).isEqualTo(0x010000 | event << 8);
        assertThat(sim.violations).hasSize(1);
        assertThat(queue.send(entry(0).nsid(1)).status()).isZero();
    }

    @Test
    void refusesAnIdentifierInUse() {
        Queue queue = host.pair(1, 16, -1);
        String _ = sim.model.fault("time-out", java.util.Map.of());
        int _ = queue.put(entry(0).nsid(1).id(7));
        queue.ring();
        sim.progress(2);
        int _ = queue.put(entry(0).nsid(1).id(7));
        queue.ring();

        assertThat(queue.take().code()).isEqualTo(0x003);
        assertThat(sim.violations).hasSize(1);
    }

    @Test
    void isFatalWhenARingCannotBeReached() {
        Queue queue = host.pair(1, 16, -1);
        sim.forbidden = queue.submissions;
        int _ = queue.put(entry(0).nsid(1));
        queue.ring();

        int _ = host.awaitStatus(2, 2);
        assertThat(sim.refused).isPositive();
        sim.forbidden = -1;
        host.disable();
        host.enable();
    }

    @Test
    void doesNotTouchMemoryAfterAReset() {
        Queue queue = host.pair(1, 16, -1);
        String _ = sim.model.fault("delay", java.util.Map.of("us", "50"));
        long page = host.allocate(1);
        host.fill(page, 4096, 3);
        int _ = queue.put(host.transfer(0x02, 1, 0, 8, page));
        queue.ring();
        sim.progress(2);
        host.disable();
        sim.progress(200);

        assertThat(queue.poll()).isNull();
        assertThat(host.int64(page)).isNotZero();
    }
}
