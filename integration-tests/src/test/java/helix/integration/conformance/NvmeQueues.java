package helix.integration.conformance;

import helix.integration.conformance.Sequence.Steps;
import java.util.ArrayList;
import java.util.List;

/// Creation and deletion of I/O queues: NVM Express Base 2.0 and NVMe over PCIe 1.0, sections 5.4
/// to 5.7 of the former's 1.4.
final class NvmeQueues {
    private static final int DELETE_SUBMISSION = 0x00;
    private static final int DELETE_COMPLETION = 0x04;

    private final List<Sequence<NvmeRig>> sequences = new ArrayList<>();

    static List<Sequence<NvmeRig>> all() {
        NvmeQueues all = new NvmeQueues();
        all.completion();
        all.submission();
        all.deletion();
        all.life();
        return all.sequences;
    }

    private void add(String name, Steps<NvmeRig> steps) {
        sequences.add(new Sequence<>("nvme queues: " + name, steps));
    }

    private void completionQueue(String name, int id, int entries, int flags, int vector) {
        add(
                "completion queue, " + name,
                r -> {
                    r.enable();
                    boolean _ = r.admin("create", r.createCompletion(id, entries, flags, vector));
                });
    }

    private void completion() {
        completionQueue("by the book", 1, 16, 3, 1);
        completionQueue("the last id", 4, 16, 3, 0);
        completionQueue("id 0", 0, 16, 3, 0);
        completionQueue("id beyond the limit", 5, 16, 3, 0);
        completionQueue("id 65535", 0xFFFF, 16, 3, 0);
        completionQueue("one entry", 1, 1, 3, 0);
        completionQueue("two entries", 1, 2, 3, 0);
        completionQueue("65536 entries", 1, 65536, 3, 0);
        completionQueue("the last vector", 1, 16, 3, 4);
        completionQueue("vector beyond the table", 1, 16, 3, 5);
        completionQueue("vector 2048", 1, 16, 3, 2048);
        completionQueue("no interrupts", 1, 16, 1, 0);
        completionQueue("not contiguous", 1, 16, 2, 0);
        add(
                "completion queue, misaligned",
                r -> {
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "create",
                                    r.createCompletion(1, 16, 3, 0)
                                            .prp(r.function().address(0x1_2010), 0));
                });
        add(
                "completion queue, no address",
                r -> {
                    r.enable();
                    boolean _ = r.admin("create", r.createCompletion(1, 16, 3, 0).prp(0, 0));
                });
        add(
                "completion queue, twice",
                r -> {
                    r.enable();
                    boolean _ = r.admin("create", r.createCompletion(1, 16, 3, 0));
                    boolean _ = r.admin("again", r.createCompletion(1, 16, 3, 0));
                });
        add(
                "completion queue, vector without messages",
                r -> {
                    r.enable();
                    r.function().messages(false);
                    boolean _ = r.admin("vector 1", r.createCompletion(1, 16, 3, 1));
                    boolean _ = r.admin("vector 0", r.createCompletion(2, 16, 3, 0));
                });
    }

    private void submissionQueue(String name, int id, int entries, int completion, int flags) {
        add(
                "submission queue, " + name,
                r -> {
                    r.enable();
                    r.quietly(0, r.createCompletion(1, 16, 3, 0));
                    boolean _ =
                            r.admin("create", r.createSubmission(id, entries, completion, flags));
                });
    }

    private void submission() {
        submissionQueue("by the book", 1, 16, 1, 1);
        submissionQueue("another id than its completion queue", 2, 16, 1, 1);
        submissionQueue("the last id", 4, 16, 1, 1);
        submissionQueue("id 0", 0, 16, 1, 1);
        submissionQueue("id beyond the limit", 5, 16, 1, 1);
        submissionQueue("one entry", 1, 1, 1, 1);
        submissionQueue("two entries", 1, 2, 1, 1);
        submissionQueue("65536 entries", 1, 65536, 1, 1);
        submissionQueue("completion queue 0", 1, 16, 0, 1);
        submissionQueue("completion queue that is not there", 1, 16, 2, 1);
        submissionQueue("completion queue beyond the limit", 1, 16, 99, 1);
        submissionQueue("not contiguous", 1, 16, 1, 0);
        submissionQueue("of high priority", 1, 16, 1, 3);
        add(
                "submission queue, misaligned",
                r -> {
                    r.enable();
                    r.quietly(0, r.createCompletion(1, 16, 3, 0));
                    boolean _ =
                            r.admin(
                                    "create",
                                    r.createSubmission(1, 16, 1, 1)
                                            .prp(r.function().address(0x4_2040), 0));
                });
        add(
                "submission queue, twice",
                r -> {
                    r.ready();
                    boolean _ = r.admin("again", r.createSubmission(1, 16, 1, 1));
                });
    }

    private void deletion() {
        for (int id : new int[] {0, 1, 2, 5, 0xFFFF}) {
            add(
                    "delete submission queue " + id,
                    r -> {
                        r.ready();
                        boolean _ = r.admin("delete", Sqe.of(DELETE_SUBMISSION).cdw(10, id));
                    });
        }
        for (int id : new int[] {0, 2, 5, 0xFFFF}) {
            add(
                    "delete completion queue " + id,
                    r -> {
                        r.ready();
                        boolean _ = r.admin("delete", Sqe.of(DELETE_COMPLETION).cdw(10, id));
                    });
        }
        add(
                "delete a completion queue in use",
                r -> {
                    r.ready();
                    boolean _ = r.admin("delete", Sqe.of(DELETE_COMPLETION).cdw(10, 1));
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                });
        add(
                "delete a pair in order",
                r -> {
                    r.ready();
                    boolean _ = r.admin("submission", Sqe.of(DELETE_SUBMISSION).cdw(10, 1));
                    boolean _ = r.admin("completion", Sqe.of(DELETE_COMPLETION).cdw(10, 1));
                    boolean _ = r.admin("submission again", Sqe.of(DELETE_SUBMISSION).cdw(10, 1));
                    boolean _ = r.admin("completion again", Sqe.of(DELETE_COMPLETION).cdw(10, 1));
                });
    }

    private void life() {
        add(
                "a pair deleted and created again works",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                    r.quietly(0, Sqe.of(DELETE_SUBMISSION).cdw(10, 1));
                    r.quietly(0, Sqe.of(DELETE_COMPLETION).cdw(10, 1));
                    r.memory().asSlice(0x1_0000, 0x6_0000).fill((byte) 0);
                    r.ready(1, 8);
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                });
        add(
                "two submission queues share a completion queue",
                r -> {
                    r.ready();
                    r.quietly(0, r.createSubmission(2, 8, 1, 1));
                    boolean _ = r.send(2, "by queue 2", Sqe.of(0).nsid(1));
                    boolean _ = r.send(1, "by queue 1", Sqe.of(0).nsid(1));
                    boolean _ = r.send(2, "by queue 2", Sqe.of(0).nsid(1));
                });
        for (int vector = 0; vector < Function.VECTORS; vector++) {
            int number = vector;
            add(
                    "messages of vector " + number,
                    r -> {
                        r.enable();
                        r.quietly(0, r.createCompletion(1, 16, 3, number));
                        r.quietly(0, r.createSubmission(1, 16, 1, 1));
                        r.awaitMessage(0);
                        boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                        r.awaitMessage(number);
                    });
        }
        add(
                "no messages where interrupts are off",
                r -> {
                    r.enable();
                    r.quietly(0, r.createCompletion(1, 16, 1, 2));
                    r.quietly(0, r.createSubmission(1, 16, 1, 1));
                    r.awaitMessage(0);
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                    r.messages("after");
                });
    }
}
