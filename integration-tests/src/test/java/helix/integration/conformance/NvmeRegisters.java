package helix.integration.conformance;

import static helix.integration.conformance.NvmeRig.ACQ;
import static helix.integration.conformance.NvmeRig.AQA;
import static helix.integration.conformance.NvmeRig.ASQ;
import static helix.integration.conformance.NvmeRig.CAP;
import static helix.integration.conformance.NvmeRig.CC;
import static helix.integration.conformance.NvmeRig.CC_NORMAL;
import static helix.integration.conformance.NvmeRig.CSTS;
import static helix.integration.conformance.NvmeRig.INTMC;
import static helix.integration.conformance.NvmeRig.INTMS;
import static helix.integration.conformance.NvmeRig.NSSR;
import static helix.integration.conformance.NvmeRig.VS;

import helix.integration.conformance.Sequence.Steps;
import java.util.ArrayList;
import java.util.List;

/// Properties of a controller: NVM Express Base 2.0, section 3.1.3, and its initialisation, 3.5.1.
final class NvmeRegisters {
    private final List<Sequence<NvmeRig>> sequences = new ArrayList<>();

    static List<Sequence<NvmeRig>> all() {
        NvmeRegisters all = new NvmeRegisters();
        all.values();
        all.widths();
        all.enabling();
        all.disabling();
        all.doorbells();
        return all.sequences;
    }

    private void add(String name, Steps<NvmeRig> steps) {
        sequences.add(new Sequence<>("nvme registers: " + name, steps));
    }

    private void values() {
        add(
                "CAP",
                r -> {
                    long cap = r.read(CAP, 8);
                    r.say(
                            "MQES >= 1: %b, TO >= 1: %b",
                            (cap & 0xFFFF) >= 1, (cap >> 24 & 0xFF) >= 1);
                    r.say("DSTRD %d, MPSMIN %d", cap >> 32 & 15, cap >> 48 & 15);
                    r.say(
                            "CSS NVM %d, CQR %d, AMS %d",
                            cap >> 37 & 1, cap >> 16 & 1, cap >> 17 & 3);
                    r.say("reserved %x", cap & 0xF800_0000_00F8_0000L & ~(7L << 57));
                });
        add("VS", r -> r.show("VS", VS, 4));
        add(
                "after disabling",
                r -> {
                    r.show("CC", CC, 4);
                    r.show("CSTS", CSTS, 4);
                    r.show("NSSR", NSSR, 4);
                });
        add(
                "read-only ones are written",
                r -> {
                    long cap = r.read(CAP, 8);
                    long vs = r.read(VS, 4);
                    r.write(CAP, 8, -1);
                    r.write(VS, 4, 0);
                    r.say("CAP as before: %b, VS: %b", cap == r.read(CAP, 8), vs == r.read(VS, 4));
                    r.write(CSTS, 4, 0xFFFF_FFEFL);
                    r.show("CSTS", CSTS, 4);
                });
        add(
                "AQA is written and read",
                r -> {
                    for (int value : new int[] {0x001F_001F, 0x0FFF_0FFF, 0x0001_0001, 0}) {
                        r.write(AQA, 4, value);
                        r.show("AQA", AQA, 4);
                    }
                });
        add(
                "reserved bits of AQA",
                r -> {
                    r.write(AQA, 4, 0xFFFF_FFFFL);
                    r.show("AQA", AQA, 4);
                });
        add(
                "reserved bits of ASQ and ACQ",
                r -> {
                    r.write(ASQ, 8, 0x1234_5FFFL);
                    r.write(ACQ, 8, 0x1234_6FFFL);
                    r.show("ASQ", ASQ, 8);
                    r.show("ACQ", ACQ, 8);
                });
        add(
                "interrupt masks without messages",
                r -> {
                    r.function().messages(false);
                    r.write(INTMS, 4, 5);
                    r.show("INTMS", INTMS, 4);
                    r.show("INTMC", INTMC, 4);
                    r.write(INTMC, 4, 4);
                    r.show("INTMS", INTMS, 4);
                    r.write(INTMC, 4, 1);
                    r.show("INTMC", INTMC, 4);
                });
        add(
                "a reserved place",
                r -> {
                    r.show("100h", 0x100, 4);
                    r.write(0x100, 4, 0x1234_5678);
                    r.show("100h", 0x100, 4);
                    r.show("FF8h", 0xFF8, 4);
                });
        add(
                "no controller memory buffer",
                r -> {
                    r.show("CMBLOC", 0x38, 4);
                    r.show("CMBSZ", 0x3C, 4);
                    r.show("PMRCAP", 0xE00, 4);
                });
        add(
                "NSSR without its value",
                r -> {
                    r.write(NSSR, 4, 1);
                    r.show("NSSR", NSSR, 4);
                    r.show("CSTS", CSTS, 4);
                });
        add("boot partition", r -> r.show("BPINFO", 0x40, 4));
    }

    private void widths() {
        add(
                "CAP in halves",
                r -> {
                    long whole = r.read(CAP, 8);
                    r.say(
                            "halves make the whole: %b",
                            whole == (r.read(CAP, 4) | r.read(CAP + 4, 4) << 32));
                });
        add(
                "ASQ low before high",
                r -> {
                    r.write(ASQ, 4, 0x1234_5000);
                    r.write(ASQ + 4, 4, 0x67);
                    r.show("ASQ", ASQ, 8);
                });
        add(
                "ASQ high before low",
                r -> {
                    r.write(ASQ + 4, 4, 0x67);
                    r.write(ASQ, 4, 0x1234_5000);
                    r.show("ASQ", ASQ, 8);
                    r.show("ASQ low", ASQ, 4);
                    r.show("ASQ high", ASQ + 4, 4);
                });
        add(
                "ACQ in halves and whole",
                r -> {
                    r.write(ACQ, 4, 0x1234_5000);
                    r.write(ACQ + 4, 4, 0x89);
                    r.show("ACQ", ACQ, 8);
                    r.write(ACQ, 8, 0x7_6543_2000L);
                    r.show("ACQ low", ACQ, 4);
                    r.show("ACQ high", ACQ + 4, 4);
                });
        add("VS by bytes", r -> r.show("VS + 1", VS + 1, 1));
        add("VS by words", r -> r.show("VS + 2", VS + 2, 2));
        add(
                "AQA by bytes",
                r -> {
                    r.write(AQA, 4, 0x001F_001F);
                    r.write(AQA, 1, 7);
                    r.show("AQA", AQA, 4);
                });
        add("64 bits at a 32-bit register", r -> r.show("CSTS and NSSR", CSTS - 4, 8));
    }

    private void enabling() {
        add(
                "enabled by the book",
                r -> {
                    r.adminQueues(16);
                    r.configure(CC_NORMAL);
                    r.show("CC", CC, 4);
                    r.show("CSTS", CSTS, 4);
                });
        for (int entries : new int[] {2, 3, 16, 64}) {
            add(
                    "admin queues of " + entries,
                    r -> {
                        r.adminQueues(entries);
                        r.configure(CC_NORMAL);
                        for (int i = 0; i < entries + 1; i++) {
                            boolean _ = r.admin("queues " + i, Sqe.of(0x0A).cdw(10, 7));
                        }
                    });
        }
        add(
                "admin queues of one entry",
                r -> {
                    r.adminQueues(1);
                    r.configure(CC_NORMAL);
                });
        add(
                "enabled with a misaligned admin queue",
                r -> {
                    r.adminQueues(16);
                    r.write(ASQ, 8, r.function().address(0x800));
                    r.configure(CC_NORMAL);
                });
        int[] wrong = {0x0046_0781, 0x0046_0011, 0x0046_0051};
        String[] names = {"pages of 128 MiB", "command set 1", "command set 5"};
        for (int i = 0; i < wrong.length; i++) {
            int cc = wrong[i];
            add(
                    "enabled with " + names[i],
                    r -> {
                        r.adminQueues(16);
                        r.configure(cc);
                    });
        }
        add(
                "enabled with all command sets",
                r -> {
                    r.adminQueues(16);
                    r.configure(0x0046_0061);
                    r.show("CC", CC, 4);
                });
        add(
                "entry sizes set after enabling",
                r -> {
                    r.adminQueues(16);
                    r.configure(1);
                    r.write(CC, 4, CC_NORMAL);
                    r.show("CC", CC, 4);
                    r.show("CSTS", CSTS, 4);
                });
        add(
                "reserved bits of CC",
                r -> {
                    r.write(CC, 4, 0xFE00_000EL);
                    r.show("CC", CC, 4);
                });
        add(
                "healed after a wrong enabling",
                r -> {
                    r.adminQueues(16);
                    r.configure(0x0046_0781);
                    r.configure(0);
                    r.configure(CC_NORMAL);
                    boolean _ = r.admin("queues", Sqe.of(0x0A).cdw(10, 7));
                });
    }

    private void disabling() {
        add(
                "disabled",
                r -> {
                    r.enable();
                    r.configure(0);
                    r.show("CSTS", CSTS, 4);
                    r.show("AQA", AQA, 4);
                    r.say("ASQ kept: %b", r.read(ASQ, 8) == r.function().address(0));
                    r.say("ACQ kept: %b", r.read(ACQ, 8) == r.function().address(0x1000));
                });
        add(
                "enabled, disabled, enabled",
                r -> {
                    for (int i = 0; i < 3; i++) {
                        r.function().memory().asSlice(0, 0x2000).fill((byte) 0);
                        r.adminQueues(16);
                        r.configure(CC_NORMAL);
                        boolean _ = r.admin("queues", Sqe.of(0x0A).cdw(10, 7));
                        r.configure(0);
                    }
                });
        add(
                "I/O queues are gone after disabling",
                r -> {
                    r.ready();
                    r.configure(0);
                    r.memory().asSlice(0, 0x2000).fill((byte) 0);
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "submission queue without completion queue",
                                    r.createSubmission(1, 16, 1, 1));
                    boolean _ = r.admin("completion queue", r.createCompletion(1, 16, 3, 0));
                });
        add(
                "features have their defaults after disabling",
                r -> {
                    r.enable();
                    boolean _ = r.admin("set", Sqe.of(0x09).cdw(10, 4).cdw(11, 0x123));
                    boolean _ = r.admin("get", Sqe.of(0x0A).cdw(10, 4));
                    r.configure(0);
                    r.memory().asSlice(0, 0x2000).fill((byte) 0);
                    r.enable();
                    boolean _ = r.admin("get", Sqe.of(0x0A).cdw(10, 4));
                    r.restore(4, 0, 0x157);
                });
        for (int kind = 1; kind <= 2; kind++) {
            int notification = kind << 14;
            add(
                    kind == 1 ? "normal shutdown" : "abrupt shutdown",
                    r -> {
                        r.ready();
                        r.write(CC, 4, CC_NORMAL | notification);
                        r.awaitShutdown();
                        r.say("RDY %d", r.read(CSTS, 4) & 1);
                        r.configure(0);
                        r.show("CSTS", CSTS, 4);
                        r.memory().asSlice(0, 0x2000).fill((byte) 0);
                        r.enable();
                        boolean _ = r.admin("queues", Sqe.of(0x0A).cdw(10, 7));
                    });
        }
    }

    private void doorbells() {
        add(
                "doorbell of a queue that is not there",
                r -> {
                    r.enable();
                    int _ = r.put(0, Sqe.of(0x0C));
                    r.ring(0);
                    r.quiet(0, "event request");
                    r.doorbell(2, false, 1);
                    boolean _ = r.await(0, "event");
                });
        add(
                "head doorbell of a queue that is not there",
                r -> {
                    r.enable();
                    int _ = r.put(0, Sqe.of(0x0C));
                    r.ring(0);
                    r.doorbell(2, true, 1);
                    boolean _ = r.await(0, "event");
                });
        add(
                "tail beyond the queue",
                r -> {
                    r.ready();
                    int _ = r.put(0, Sqe.of(0x0C));
                    r.ring(0);
                    r.doorbell(1, false, 16);
                    boolean _ = r.await(0, "event");
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                });
        add(
                "head beyond the queue",
                r -> {
                    r.ready();
                    int _ = r.put(0, Sqe.of(0x0C));
                    r.ring(0);
                    r.doorbell(1, true, 16);
                    boolean _ = r.await(0, "event");
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                });
        add(
                "admin tail beyond the queue",
                r -> {
                    r.enable();
                    int _ = r.put(0, Sqe.of(0x0C));
                    r.ring(0);
                    r.doorbell(0, false, 99);
                    boolean _ = r.await(0, "event");
                    boolean _ = r.admin("queues", Sqe.of(0x0A).cdw(10, 7));
                });
        add(
                "same tail twice",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                    r.ring(1);
                    r.quiet(1, "same tail");
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                });
        add(
                "one doorbell for many commands",
                r -> {
                    r.ready();
                    for (int i = 0; i < 8; i++) {
                        int _ = r.put(1, Sqe.of(0).nsid(1));
                    }
                    r.ring(1);
                    r.awaitAll(1, "one of eight", 8);
                });
        add(
                "doorbell while disabled",
                r -> {
                    r.doorbell(0, false, 1);
                    r.show("CSTS", CSTS, 4);
                    r.enable();
                    boolean _ = r.admin("queues", Sqe.of(0x0A).cdw(10, 7));
                });
        add(
                "a full submission queue",
                r -> {
                    r.ready(1, 4);
                    for (int i = 0; i < 3; i++) {
                        int _ = r.put(1, Sqe.of(0x02).nsid(99));
                    }
                    r.ring(1);
                    r.awaitAll(1, "one of three", 3);
                });
        add(
                "a completion queue that stays full",
                r -> {
                    r.ready(1, 4);
                    for (int i = 0; i < 3; i++) {
                        int _ = r.put(1, Sqe.of(0x02).nsid(99));
                    }
                    r.ring(1);
                    r.peekAll(1, "not acknowledged", 3);
                    int _ = r.put(1, Sqe.of(0x02).nsid(99));
                    r.ring(1);
                    r.quiet(1, "while it is full");
                    r.doorbell(1, true, 3);
                    boolean _ = r.await(1, "when there is room");
                });
        for (int size : new int[] {2, 3, 5, 16}) {
            add(
                    "wraps of a queue of " + size,
                    r -> {
                        r.ready(1, size);
                        for (int i = 0; i < 3 * size + 1; i++) {
                            boolean _ = r.send(1, "flush " + i, Sqe.of(0).nsid(1));
                        }
                    });
        }
    }
}
