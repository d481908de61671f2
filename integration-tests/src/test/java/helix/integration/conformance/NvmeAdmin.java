package helix.integration.conformance;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import helix.integration.conformance.Sequence.Steps;
import java.util.ArrayList;
import java.util.List;

/// Admin commands: NVM Express Base 2.0, chapter 5.
final class NvmeAdmin {
    private static final int IDENTIFY = 0x06;
    private static final int ABORT = 0x08;
    private static final int SET_FEATURES = 0x09;
    private static final int GET_FEATURES = 0x0A;
    private static final int GET_LOG_PAGE = 0x02;
    private static final int ASYNC_EVENT = 0x0C;
    private static final int DOORBELL_BUFFER = 0x7C;
    private static final int FORMAT = 0x80;

    private final List<Sequence<NvmeRig>> sequences = new ArrayList<>();

    static List<Sequence<NvmeRig>> all() {
        NvmeAdmin all = new NvmeAdmin();
        all.identify();
        all.identifyData();
        all.features();
        all.logPages();
        all.events();
        all.others();
        all.doorbellBuffers();
        all.formats();
        return all.sequences;
    }

    private void add(String name, Steps<NvmeRig> steps) {
        sequences.add(new Sequence<>("nvme admin: " + name, steps));
    }

    /// Each CNS of figure 273, and reserved ones.
    private void identify() {
        for (int cns = 0; cns <= 0x1F; cns++) {
            int value = cns;
            add(
                    "identify, CNS %02x".formatted(cns),
                    r -> {
                        r.enable();
                        boolean _ =
                                r.admin(
                                        "namespace 1",
                                        Sqe.of(IDENTIFY).nsid(1).prp(r.page(0), 0).cdw(10, value));
                        boolean _ =
                                r.admin(
                                        "no namespace",
                                        Sqe.of(IDENTIFY).prp(r.page(0), 0).cdw(10, value));
                    });
        }
        for (int nsid : new int[] {0, 3, 0xFFFF_FFFE, 0xFFFF_FFFF}) {
            for (int cns : new int[] {0, 2, 3, 0x10}) {
                add(
                        "identify, CNS %02x, namespace %x".formatted(cns, nsid),
                        r -> {
                            r.enable();
                            r.pattern(r.at(0), 4096, 1);
                            boolean succeeded =
                                    r.admin(
                                            "identify",
                                            Sqe.of(IDENTIFY)
                                                    .nsid(nsid)
                                                    .prp(r.page(0), 0)
                                                    .cdw(10, cns));
                            r.say(
                                    "touched: %b, zero: %b",
                                    !r.hasPattern(r.at(0), 4096, 1),
                                    succeeded && r.isFilled(r.at(0), 4096, 0));
                        });
            }
        }
    }

    private void identifyData() {
        add(
                "identify controller data",
                r -> {
                    r.enable();
                    r.quietly(0, Sqe.of(IDENTIFY).prp(r.page(0), 0).cdw(10, 1));
                    r.say("SQES %02x CQES %02x", r.int8(0, 512), r.int8(0, 513));
                    r.say("NN >= 2: %b", r.int32(0, 516) >= 2);
                    r.say("CNTRLTYPE %d", r.int8(0, 111));
                    r.say("VER is VS: %b", r.int32(0, 80) == (int) r.read(NvmeRig.VS, 4));
                    r.say("VWC present %d", r.int8(0, 525) & 1);
                    r.say(
                            "write zeroes %d, compare %d, dsm %d",
                            r.int16(0, 520) >> 3 & 1,
                            r.int16(0, 520) & 1,
                            r.int16(0, 520) >> 2 & 1);
                    r.say(
                            "format %d, doorbell buffers %d",
                            r.int16(0, 256) >> 1 & 1, r.int16(0, 256) >> 8 & 1);
                    r.say("NQN begins with nqn.: %b", r.int32(0, 768) == 0x2E6E_716E);
                    for (int i = 4; i < 64; i++) {
                        int c = r.int8(0, i);
                        if (c < 0x20 || c > 0x7E) {
                            r.say("serial or model has %02x at %d", c, i);
                            return;
                        }
                    }
                    r.say("serial and model are ASCII");
                });
        for (int nsid = 1; nsid <= 2; nsid++) {
            int id = nsid;
            add(
                    "identify namespace data " + id,
                    r -> {
                        r.enable();
                        r.quietly(0, Sqe.of(IDENTIFY).nsid(id).prp(r.page(0), 0));
                        int format = r.int8(0, 26) & 15;
                        r.say("NSZE %d NCAP %d", r.int64(0, 0), r.int64(0, 8));
                        r.say("LBADS %d", r.int8(0, 128 + 4 * format + 2));
                        r.say("metadata %d", r.int16(0, 128 + 4 * format));
                    });
        }
        add(
                "active namespaces",
                r -> {
                    r.enable();
                    for (int after : new int[] {0, 1, 2, 0xFFFF_FFFD}) {
                        r.quietly(0, Sqe.of(IDENTIFY).nsid(after).prp(r.page(0), 0).cdw(10, 2));
                        r.say("%d %d %d", r.int32(0, 0), r.int32(0, 4), r.int32(0, 8));
                    }
                });
        add(
                "namespace descriptors",
                r -> {
                    r.enable();
                    r.quietly(0, Sqe.of(IDENTIFY).nsid(1).prp(r.page(0), 0).cdw(10, 3));
                    for (int at = 0; at < 4092 && r.int8(0, at + 1) != 0; ) {
                        r.say("type %d, %d bytes", r.int8(0, at), r.int8(0, at + 1));
                        at += 4 + r.int8(0, at + 1);
                    }
                });
        add(
                "identify data over two pages",
                r -> {
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "PRP2",
                                    Sqe.of(IDENTIFY).prp(r.page(0) + 0x800, r.page(4)).cdw(10, 1));
                    r.say("SQES %02x", r.int8(4, 0) != 0 ? r.int8(4, 0) : r.int8(0, 0x800 + 512));
                });
        add(
                "identify without a second page",
                r -> {
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "no PRP2",
                                    Sqe.of(IDENTIFY).prp(r.page(0) + 0x800, 0).cdw(10, 1));
                });
    }

    /// Figure 316: each feature, got in each way and set.
    private void features() {
        for (int feature = 0; feature <= 0x20; feature++) {
            int id = feature;
            for (int select = 0; select <= 3; select++) {
                int how = select;
                add(
                        "get feature %02x, select %d".formatted(id, how),
                        r -> {
                            r.enable();
                            boolean _ =
                                    r.admin(
                                            "get",
                                            Sqe.of(GET_FEATURES)
                                                    .nsid(id == 5 ? 1 : 0)
                                                    .prp(r.page(0), 0)
                                                    .cdw(10, how << 8 | id));
                        });
            }
        }
        int[][] values = {
            {0x01, 0x0102_0307},
            {0x02, 0},
            {0x04, 0x0155},
            {0x05, 5},
            {0x06, 0},
            {0x06, 1},
            {0x07, 0x0001_0001},
            {0x07, 0x0000_FFFF},
            {0x07, 0xFFFF_0000},
            {0x08, 0x0305},
            {0x09, 0x0000_0000},
            {0x09, 0x0001_0001},
            {0x0A, 1},
            {0x0B, 0x0000_0100},
            {0x0B, 0x1F},
            {0x00, 1},
            {0x1F, 1},
            {0xC0, 1},
        };
        for (int[] value : values) {
            add(
                    "set feature %02x to %x".formatted(value[0], value[1]),
                    r -> {
                        r.enable();
                        int nsid = value[0] == 5 ? 1 : 0;
                        boolean _ =
                                r.admin(
                                        "set",
                                        Sqe.of(SET_FEATURES)
                                                .nsid(nsid)
                                                .cdw(10, value[0])
                                                .cdw(11, value[1]));
                        boolean _ =
                                r.admin("get", Sqe.of(GET_FEATURES).nsid(nsid).cdw(10, value[0]));
                        restoreAll(r);
                    });
        }
        add(
                "save a feature",
                r -> {
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "save",
                                    Sqe.of(SET_FEATURES).cdw(10, 0x8000_0004).cdw(11, 0x155));
                });
        add(
                "number of queues after queues were created",
                r -> {
                    r.ready();
                    boolean _ =
                            r.admin("set", Sqe.of(SET_FEATURES).cdw(10, 7).cdw(11, 0x0001_0001));
                });
        for (int nsid : new int[] {0, 1, 3, 0xFFFF_FFFF}) {
            add(
                    "error recovery of namespace %x".formatted(nsid),
                    r -> {
                        r.enable();
                        boolean _ = r.admin("get", Sqe.of(GET_FEATURES).nsid(nsid).cdw(10, 5));
                        boolean _ =
                                r.admin(
                                        "set",
                                        Sqe.of(SET_FEATURES).nsid(nsid).cdw(10, 5).cdw(11, 7));
                        restoreAll(r);
                    });
            add(
                    "a controller's feature with namespace %x".formatted(nsid),
                    r -> {
                        r.enable();
                        boolean _ = r.admin("get", Sqe.of(GET_FEATURES).nsid(nsid).cdw(10, 6));
                        boolean _ =
                                r.admin(
                                        "set",
                                        Sqe.of(SET_FEATURES).nsid(nsid).cdw(10, 6).cdw(11, 1));
                        restoreAll(r);
                    });
        }
    }

    private static void restoreAll(NvmeRig r) {
        r.restore(0x04, 0, 0x157);
        r.restore(0x05, 1, 0);
        r.restore(0x06, 0, 1);
        r.restore(0x0B, 0, 0);
    }

    private static Sqe log(NvmeRig r, int page, int bytes, long offset) {
        return Sqe.of(GET_LOG_PAGE)
                .nsid(0xFFFF_FFFF)
                .prp(r.page(0), bytes > 4096 ? r.page(1) : 0)
                .cdw(10, (bytes / 4 - 1) << 16 | page)
                .cdw(12, (int) offset)
                .cdw(13, (int) (offset >>> 32));
    }

    private void logPages() {
        for (int page = 0; page <= 0x14; page++) {
            int id = page;
            add(
                    "log page %02x".formatted(id),
                    r -> {
                        r.enable();
                        boolean _ = r.admin("log page", log(r, id, 512, 0));
                    });
        }
        add(
                "health information",
                r -> {
                    r.enable();
                    r.quietly(0, log(r, 2, 512, 0));
                    r.say("critical warning %x", r.int8(0, 0));
                    r.say(
                            "spare threshold below spare: %b",
                            r.int8(0, 4) < r.int8(0, 3) || r.int8(0, 3) == 0);
                });
        add(
                "health information of a namespace",
                r -> {
                    r.enable();
                    boolean _ = r.admin("namespace 1", log(r, 2, 512, 0).nsid(1));
                    boolean _ = r.admin("namespace 3", log(r, 2, 512, 0).nsid(3));
                    boolean _ = r.admin("namespace 0", log(r, 2, 512, 0).nsid(0));
                });
        for (int bytes : new int[] {4, 64, 4096, 8192}) {
            add(
                    "health information, " + bytes + " bytes",
                    r -> {
                        r.enable();
                        r.pattern(r.at(0), 8192, 3);
                        boolean _ = r.admin("log page", log(r, 2, bytes, 0));
                        r.say(
                                "beyond it untouched: %b",
                                bytes >= 4096
                                        || r.int8(0, bytes)
                                                == ((bytes * 7 + (bytes >> 8) * 13 + 3) & 0xFF));
                    });
        }
        for (long offset : new long[] {4, 508, 512, 516, 2, 1L << 33}) {
            add(
                    "health information from %d".formatted(offset),
                    r -> {
                        r.enable();
                        boolean _ = r.admin("log page", log(r, 2, 4, offset));
                    });
        }
        add(
                "commands supported and effects",
                r -> {
                    r.enable();
                    r.quietly(0, log(r, 5, 4096, 0));
                    for (int opcode : new int[] {0, 1, 2, 4, 5, 6, 8, 9, 0xA, 0xC}) {
                        r.say("admin %02x: %d", opcode, r.int32(0, 4 * opcode) & 1);
                    }
                    for (int opcode : new int[] {0, 1, 2}) {
                        r.say("I/O %02x: %d", opcode, r.int32(0, 1024 + 4 * opcode) & 1);
                    }
                });
    }

    private void events() {
        add(
                "event requests beyond the limit",
                r -> {
                    r.enable();
                    r.quietly(0, Sqe.of(IDENTIFY).prp(r.page(0), 0).cdw(10, 1));
                    int limit = r.int8(0, 259) + 1;
                    for (int i = 0; i < limit; i++) {
                        int _ = r.put(0, Sqe.of(ASYNC_EVENT), 100 + i);
                    }
                    r.ring(0);
                    r.quiet(0, "up to the limit");
                    int _ = r.put(0, Sqe.of(ASYNC_EVENT), 200);
                    r.ring(0);
                    r.awaitAll(0, "one more", 1);
                });
        add(
                "an event that waits for a request",
                r -> {
                    r.enable();
                    r.doorbell(2, false, 1);
                    int _ = r.put(0, Sqe.of(ASYNC_EVENT));
                    r.ring(0);
                    r.quiet(0, "event");
                });
        add(
                "one event of a kind until its log page is read",
                r -> {
                    r.enable();
                    int _ = r.put(0, Sqe.of(ASYNC_EVENT));
                    int _ = r.put(0, Sqe.of(ASYNC_EVENT));
                    r.ring(0);
                    r.doorbell(2, false, 1);
                    r.event("first");
                    r.doorbell(2, false, 1);
                    r.quiet(0, "masked");
                    int _ = r.put(0, log(r, 1, 64, 0));
                    r.ring(0);
                    r.event("log page read");
                });
        add(
                "event request survives other commands",
                r -> {
                    r.ready();
                    int _ = r.put(0, Sqe.of(ASYNC_EVENT));
                    r.ring(0);
                    boolean _ = r.admin("queues", Sqe.of(GET_FEATURES).cdw(10, 7));
                    boolean _ = r.send(1, "flush", Sqe.of(0).nsid(1));
                    r.quiet(0, "event");
                });
        add(
                "health warning by a temperature threshold",
                r -> {
                    r.enable();
                    r.quietly(0, Sqe.of(SET_FEATURES).cdw(10, 0x0B).cdw(11, 2));
                    int _ = r.put(0, Sqe.of(ASYNC_EVENT), 77);
                    r.ring(0);
                    r.quiet(0, "before");
                    int _ = r.put(0, Sqe.of(SET_FEATURES).cdw(10, 4).cdw(11, 0x100), 78);
                    r.ring(0);
                    r.awaitAll(0, "threshold below the temperature", 2);
                    r.quietly(0, log(r, 2, 512, 0));
                    r.say("critical warning %x", r.int8(0, 0));
                    restoreAll(r);
                });
    }

    private void others() {
        for (int opcode : new int[] {0x03, 0x07, 0x0B, 0x3F, 0x7F, 0xC0, 0xFF}) {
            add(
                    "opcode %02x".formatted(opcode),
                    r -> {
                        r.enable();
                        boolean _ = r.admin("invalid", Sqe.of(opcode));
                    });
        }
        add(
                "abort of a command that is not there",
                r -> {
                    r.enable();
                    boolean _ = r.admin("abort", Sqe.of(ABORT).cdw(10, 99 << 16));
                });
        add(
                "abort in a queue that is not there",
                r -> {
                    r.enable();
                    boolean _ = r.admin("abort", Sqe.of(ABORT).cdw(10, 99 << 16 | 3));
                });
        add(
                "abort of an event request",
                r -> {
                    r.enable();
                    int _ = r.put(0, Sqe.of(ASYNC_EVENT), 55);
                    r.ring(0);
                    int _ = r.put(0, Sqe.of(ABORT).cdw(10, 55 << 16), 56);
                    r.ring(0);
                    r.awaitAll(0, "abort", 1);
                    r.quiet(0, "event request");
                });
        add(
                "scatter-gather lists that are not supported",
                r -> {
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "identify",
                                    Sqe.of(IDENTIFY).flags(0x40).prp(r.page(0), 4096).cdw(10, 1));
                });
        add(
                "fused admin command",
                r -> {
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "identify",
                                    Sqe.of(IDENTIFY).flags(1).prp(r.page(0), 0).cdw(10, 1));
                });
        add(
                "messages of the admin queue",
                r -> {
                    r.enable();
                    r.messages("before");
                    boolean _ = r.admin("queues", Sqe.of(GET_FEATURES).cdw(10, 7));
                    r.awaitMessage(0);
                    r.messages("after");
                });
        add(
                "a command id of 65535",
                r -> {
                    r.enable();
                    int _ = r.put(0, Sqe.of(GET_FEATURES).cdw(10, 7), 0xFFFE);
                    r.ring(0);
                    boolean _ = r.await(0, "65534");
                });
        add(
                "keep alive",
                r -> {
                    r.enable();
                    boolean _ = r.admin("keep alive", Sqe.of(0x18));
                });
    }

    private void doorbellBuffers() {
        add(
                "doorbell buffers",
                r -> {
                    r.ready();
                    boolean _ =
                            r.admin("configure", Sqe.of(DOORBELL_BUFFER).prp(r.page(0), r.page(1)));
                    // Submission queue 1: doorbell at 8, event index at 8 of the other page.
                    int _ = r.put(1, Sqe.of(0).nsid(1));
                    r.memory().set(JAVA_INT, r.at(0) + 8, r.tail(1));
                    r.ring(1);
                    boolean _ = r.await(1, "flush");
                    r.memory().set(JAVA_INT, r.at(0) + 12, 1);
                    int _ = r.put(1, Sqe.of(0).nsid(1));
                    r.memory().set(JAVA_INT, r.at(0) + 8, r.tail(1));
                    r.ring(1);
                    boolean _ = r.await(1, "another");
                });
        add(
                "misaligned doorbell buffers",
                r -> {
                    r.enable();
                    boolean _ =
                            r.admin(
                                    "doorbells",
                                    Sqe.of(DOORBELL_BUFFER).prp(r.page(0) + 8, r.page(1)));
                    boolean _ =
                            r.admin(
                                    "event indexes",
                                    Sqe.of(DOORBELL_BUFFER).prp(r.page(0), r.page(1) + 8));
                    boolean _ = r.admin("none", Sqe.of(DOORBELL_BUFFER));
                });
    }

    private void formats() {
        add(
                "format of a namespace",
                r -> {
                    r.ready();
                    r.pattern(r.at(0), 512, 9);
                    r.quietly(1, Sqe.of(1).nsid(1).prp(r.page(0), 0).cdw(10, 7));
                    r.quietly(0, Sqe.of(IDENTIFY).nsid(1).prp(r.page(2), 0));
                    int format = r.int8(2, 26) & 15;
                    boolean _ = r.admin("format", Sqe.of(FORMAT).nsid(1).cdw(10, format));
                    boolean _ = r.send(1, "read", Sqe.of(2).nsid(1).prp(r.page(1), 0).cdw(10, 7));
                    r.say("the data is gone: %b", !r.hasPattern(r.at(1), 512, 9));
                });
        for (int nsid : new int[] {0, 3}) {
            add(
                    "format of namespace " + nsid,
                    r -> {
                        r.enable();
                        boolean _ = r.admin("format", Sqe.of(FORMAT).nsid(nsid));
                    });
        }
        add(
                "format with a format that is not there",
                r -> {
                    r.enable();
                    boolean _ = r.admin("format", Sqe.of(FORMAT).nsid(1).cdw(10, 15));
                });
        add(
                "format with protection information",
                r -> {
                    r.enable();
                    boolean _ = r.admin("format", Sqe.of(FORMAT).nsid(1).cdw(10, 1 << 5));
                });
    }
}
