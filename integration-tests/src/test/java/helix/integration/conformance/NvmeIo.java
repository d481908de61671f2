package helix.integration.conformance;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import helix.integration.conformance.Sequence.Steps;
import java.util.ArrayList;
import java.util.List;

/// Commands of the NVM command set: NVM Command Set 1.0, chapter 3, and PRPs, Base 2.0, section
/// 4.1.1.
final class NvmeIo {
    private static final int FLUSH = 0x00;
    private static final int WRITE = 0x01;
    private static final int READ = 0x02;
    private static final int WRITE_UNCORRECTABLE = 0x04;
    private static final int COMPARE = 0x05;
    private static final int WRITE_ZEROES = 0x08;
    private static final int DATASET_MANAGEMENT = 0x09;

    /// Blocks of namespace 1: 4 MiB of 512 bytes.
    private static final int BLOCKS = 8192;

    private final List<Sequence<NvmeRig>> sequences = new ArrayList<>();

    static List<Sequence<NvmeRig>> all() {
        NvmeIo all = new NvmeIo();
        all.commands();
        all.ranges();
        all.prps();
        all.zeroesAndCompare();
        all.datasets();
        return all.sequences;
    }

    private void add(String name, Steps<NvmeRig> steps) {
        sequences.add(new Sequence<>("nvme I/O: " + name, steps));
    }

    private static Sqe rw(int opcode, long block, int count, long prp1, long prp2) {
        return Sqe.of(opcode)
                .nsid(1)
                .prp(prp1, prp2)
                .cdw(10, (int) block)
                .cdw(11, (int) (block >>> 32))
                .cdw(12, count - 1);
    }

    /// Writes a pattern, reads it elsewhere and says whether it is the same.
    private static void roundTrip(NvmeRig r, Sqe write, Sqe read, long from, long to, int bytes) {
        r.pattern(from, bytes, 5);
        boolean _ = r.send(1, "write", write);
        boolean _ = r.send(1, "read", read);
        r.say("same: %b", r.hasPattern(to, bytes, 5));
    }

    private void commands() {
        for (int nsid = 1; nsid <= 2; nsid++) {
            int id = nsid;
            add(
                    "write and read a block of namespace " + id,
                    r -> {
                        r.ready();
                        int bytes = 512;
                        roundTrip(
                                r,
                                rw(WRITE, 3, 1, r.page(0), 0).nsid(id),
                                rw(READ, 3, 1, r.page(1), 0).nsid(id),
                                r.at(0),
                                r.at(1),
                                bytes);
                        r.say("no more than that: %b", r.int8(1, 512) == 0);
                    });
        }
        int[] opcodes = {FLUSH, WRITE, READ, COMPARE, WRITE_ZEROES, DATASET_MANAGEMENT};
        for (int opcode : opcodes) {
            for (int nsid : new int[] {0, 3, 0xFFFF_FFFF}) {
                add(
                        "opcode %02x, namespace %x".formatted(opcode, nsid),
                        r -> {
                            r.ready();
                            boolean _ =
                                    r.send(1, "command", rw(opcode, 0, 1, r.page(0), 0).nsid(nsid));
                        });
            }
        }
        for (int opcode : new int[] {0x03, 0x0A, 0x0D, 0x7F, 0x80, 0xFF}) {
            add(
                    "opcode %02x".formatted(opcode),
                    r -> {
                        r.ready();
                        boolean _ = r.send(1, "invalid", Sqe.of(opcode).nsid(1));
                    });
        }
        add(
                "flush",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "namespace 1", Sqe.of(FLUSH).nsid(1));
                    boolean _ = r.send(1, "namespace 2", Sqe.of(FLUSH).nsid(2));
                });
        add(
                "forced unit access and limited retry",
                r -> {
                    r.ready();
                    Sqe write = rw(WRITE, 9, 1, r.page(0), 0).cdw(12, 1 << 30);
                    Sqe read = rw(READ, 9, 1, r.page(1), 0).cdw(12, 3 << 30);
                    roundTrip(r, write, read, r.at(0), r.at(1), 512);
                });
        add(
                "protection information that there is not",
                r -> {
                    r.ready();
                    boolean _ =
                            r.send(1, "PRINFO", rw(READ, 0, 1, r.page(0), 0).cdw(12, 0xF << 26));
                });
        add(
                "scatter-gather list that is not supported",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 1, r.page(0), 512).flags(0x40));
                    boolean _ = r.send(1, "reserved", rw(READ, 0, 1, r.page(0), 512).flags(0xC0));
                });
        add(
                "fused pair that is not supported",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "first", rw(COMPARE, 0, 1, r.page(0), 0).flags(1));
                });
        add(
                "the same id twice, one after the other",
                r -> {
                    r.ready();
                    for (int i = 0; i < 2; i++) {
                        int _ = r.put(1, rw(READ, 0, 1, r.page(0), 0), 7);
                        r.ring(1);
                        boolean _ = r.await(1, "read");
                    }
                });
        add(
                "sixteen reads at once",
                r -> {
                    r.ready(1, 32);
                    for (int i = 0; i < 16; i++) {
                        int _ = r.put(1, rw(READ, i, 1, r.page(i), 0));
                    }
                    r.ring(1);
                    r.awaitAll(1, "read", 16);
                });
        add(
                "metadata pointer where there is no metadata",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 1, r.page(0), 0).metadata(r.page(1)));
                });
        add(
                "write uncorrectable",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "write", rw(WRITE_UNCORRECTABLE, 5, 1, 0, 0));
                });
    }

    private void ranges() {
        int[] opcodes = {WRITE, READ, COMPARE, WRITE_ZEROES};
        for (int opcode : opcodes) {
            add(
                    "opcode %02x at and beyond the end".formatted(opcode),
                    r -> {
                        r.ready();
                        boolean _ = r.send(1, "last", rw(opcode, BLOCKS - 1, 1, r.page(0), 0));
                        boolean _ = r.send(1, "over", rw(opcode, BLOCKS - 1, 2, r.page(0), 0));
                        boolean _ = r.send(1, "beyond", rw(opcode, BLOCKS, 1, r.page(0), 0));
                        boolean _ = r.send(1, "far", rw(opcode, 1L << 40, 1, r.page(0), 0));
                        boolean _ = r.send(1, "wraps", rw(opcode, -1, 1, r.page(0), 0));
                        boolean _ = r.send(1, "wraps to 0", rw(opcode, -1, 2, r.page(0), 0));
                    });
        }
        add(
                "larger than a transfer may be",
                r -> {
                    r.ready();
                    r.quietly(0, Sqe.of(0x06).prp(r.page(0), 0).cdw(10, 1));
                    int mdts = r.int8(0, 77);
                    if (mdts == 0 || mdts > 8) {
                        r.say("any transfer is small enough");
                        return;
                    }
                    int blocks = (4096 << mdts) / 512;
                    for (int i = 0; i < 1024; i++) {
                        r.memory().set(JAVA_LONG, r.at(2) + 8L * i, r.page(3));
                    }
                    boolean _ =
                            r.send(
                                    1,
                                    "one block more",
                                    rw(READ, 0, blocks + 1, r.page(1), r.page(2)));
                });
    }

    private void prps() {
        add(
                "PRP1 with an offset",
                r -> {
                    r.ready();
                    roundTrip(
                            r,
                            rw(WRITE, 0, 2, r.page(0) + 0x204, 0),
                            rw(READ, 0, 2, r.page(1) + 0xC00, 0),
                            r.at(0) + 0x204,
                            r.at(1) + 0xC00,
                            1024);
                });
        add(
                "PRP1 that is no multiple of 4",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 1, r.page(0) + 2, 0));
                });
        add(
                "PRP2 is the second page",
                r -> {
                    r.ready();
                    roundTrip(
                            r,
                            rw(WRITE, 0, 16, r.page(0), r.page(1)),
                            rw(READ, 0, 16, r.page(4), r.page(5)),
                            r.at(0),
                            r.at(4),
                            8192);
                });
        add(
                "PRP2 is the second page after an offset",
                r -> {
                    r.ready();
                    r.pattern(r.at(0) + 0xE00, 1024, 5);
                    boolean _ = r.send(1, "write", rw(WRITE, 0, 2, r.page(0) + 0xE00, r.page(1)));
                    boolean _ = r.send(1, "read", rw(READ, 0, 2, r.page(8), 0));
                    r.say("same: %b", r.hasPattern(r.at(8), 1024, 5));
                });
        add(
                "PRP2 with an offset",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 16, r.page(0), r.page(1) + 0x200));
                });
        add(
                "PRP2 missing",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 16, r.page(0), 0));
                });
        add(
                "PRP2 that is not needed",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 8, r.page(0), r.page(1) + 3));
                });
        add(
                "PRP list",
                r -> {
                    r.ready();
                    for (int i = 0; i < 3; i++) {
                        r.memory().set(JAVA_LONG, r.at(20) + 8L * i, r.page(1 + i));
                        r.memory().set(JAVA_LONG, r.at(21) + 8L * i, r.page(9 + i));
                    }
                    roundTrip(
                            r,
                            rw(WRITE, 0, 32, r.page(0), r.page(20)),
                            rw(READ, 0, 32, r.page(8), r.page(21)),
                            r.at(0),
                            r.at(8),
                            4 * 4096);
                });
        add(
                "PRP list with an offset of its own",
                r -> {
                    r.ready();
                    for (int i = 0; i < 3; i++) {
                        r.memory().set(JAVA_LONG, r.at(20) + 0x100 + 8L * i, r.page(1 + i));
                        r.memory().set(JAVA_LONG, r.at(21) + 0xFE8 + 8L * i, r.page(9 + i));
                    }
                    roundTrip(
                            r,
                            rw(WRITE, 0, 32, r.page(0), r.page(20) + 0x100),
                            rw(READ, 0, 32, r.page(8), r.page(21) + 0xFE8),
                            r.at(0),
                            r.at(8),
                            4 * 4096);
                });
        add(
                "PRP list that goes on in another",
                r -> {
                    r.ready();
                    // The last entry of a page points to the next list; 4.1.1.
                    r.memory().set(JAVA_LONG, r.at(20) + 0xFF0, r.page(1));
                    r.memory().set(JAVA_LONG, r.at(20) + 0xFF8, r.page(22));
                    r.memory().set(JAVA_LONG, r.at(22), r.page(2));
                    r.memory().set(JAVA_LONG, r.at(22) + 8, r.page(3));
                    r.pattern(r.at(0), 4 * 4096, 5);
                    boolean _ = r.send(1, "write", rw(WRITE, 0, 32, r.page(0), r.page(20) + 0xFF0));
                    boolean _ = r.send(1, "read", rw(READ, 24, 8, r.page(8), 0));
                    r.say("the fourth page: %b", same(r, r.at(3), r.at(8), 4096));
                });
        add(
                "PRP list entry with an offset",
                r -> {
                    r.ready();
                    for (int i = 0; i < 3; i++) {
                        r.memory().set(JAVA_LONG, r.at(20) + 8L * i, r.page(1 + i) + 0x10);
                    }
                    boolean _ = r.send(1, "read", rw(READ, 0, 32, r.page(0), r.page(20)));
                });
        add(
                "PRP list entry of zero",
                r -> {
                    r.ready();
                    r.memory().set(JAVA_LONG, r.at(20), r.page(1));
                    boolean _ = r.send(1, "read", rw(READ, 0, 32, r.page(0), r.page(20)));
                });
        add(
                "PRP list that is no multiple of 8",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 32, r.page(0), r.page(20) + 4));
                });
        add(
                "the same page for all data",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "read", rw(READ, 0, 16, r.page(0), r.page(0)));
                });
    }

    private static boolean same(NvmeRig r, long one, long other, int bytes) {
        return r.memory().asSlice(one, bytes).mismatch(r.memory().asSlice(other, bytes)) < 0;
    }

    private void zeroesAndCompare() {
        add(
                "write zeroes",
                r -> {
                    r.ready();
                    r.pattern(r.at(0), 4096, 5);
                    r.quietly(1, rw(WRITE, 8, 8, r.page(0), 0));
                    boolean _ = r.send(1, "zeroes", rw(WRITE_ZEROES, 9, 2, 0, 0));
                    r.quietly(1, rw(READ, 8, 8, r.page(1), 0));
                    r.say("before kept: %b", r.hasPattern(r.at(1), 512, 5));
                    r.say("zero: %b", r.isFilled(r.at(1) + 512, 1024, 0));
                    r.say("after kept: %b", same(r, r.at(0) + 1536, r.at(1) + 1536, 4096 - 1536));
                });
        add(
                "write zeroes, deallocating",
                r -> {
                    r.ready();
                    boolean _ =
                            r.send(1, "zeroes", rw(WRITE_ZEROES, 0, 8, 0, 0).cdw(12, 1 << 25 | 7));
                    r.quietly(1, rw(READ, 0, 8, r.page(1), 0));
                    r.say("zero: %b", r.isFilled(r.at(1), 4096, 0));
                });
        add(
                "write zeroes over all that a command can",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "zeroes", rw(WRITE_ZEROES, 0, BLOCKS, 0, 0));
                });
        add(
                "compare what is the same",
                r -> {
                    r.ready();
                    r.pattern(r.at(0), 4096, 5);
                    r.quietly(1, rw(WRITE, 16, 8, r.page(0), 0));
                    boolean _ = r.send(1, "compare", rw(COMPARE, 16, 8, r.page(0), 0));
                });
        add(
                "compare what differs",
                r -> {
                    r.ready();
                    r.pattern(r.at(0), 4096, 5);
                    r.quietly(1, rw(WRITE, 16, 8, r.page(0), 0));
                    r.pattern(r.at(0) + 4095, 1, 77);
                    boolean _ = r.send(1, "compare", rw(COMPARE, 16, 8, r.page(0), 0));
                });
    }

    private void datasets() {
        add(
                "deallocate a range",
                r -> {
                    r.ready();
                    r.pattern(r.at(0), 512, 5);
                    r.quietly(1, rw(WRITE, 0, 1, r.page(0), 0));
                    r.memory().set(JAVA_INT, r.at(2) + 4, 8);
                    r.memory().set(JAVA_LONG, r.at(2) + 8, 64);
                    boolean _ = r.send(1, "deallocate", deallocate(r, 1));
                    r.quietly(1, rw(READ, 0, 1, r.page(1), 0));
                    r.say("elsewhere kept: %b", r.hasPattern(r.at(1), 512, 5));
                });
        add(
                "deallocate many ranges",
                r -> {
                    r.ready();
                    for (int i = 0; i < 256; i++) {
                        r.memory().set(JAVA_INT, r.at(2) + 16L * i + 4, 1);
                        r.memory().set(JAVA_LONG, r.at(2) + 16L * i + 8, 16L * i);
                    }
                    boolean _ = r.send(1, "deallocate", deallocate(r, 256));
                });
        add(
                "deallocate beyond the end",
                r -> {
                    r.ready();
                    r.memory().set(JAVA_INT, r.at(2) + 4, 2);
                    r.memory().set(JAVA_LONG, r.at(2) + 8, BLOCKS - 1);
                    boolean _ = r.send(1, "deallocate", deallocate(r, 1));
                });
        add(
                "dataset hints only",
                r -> {
                    r.ready();
                    r.memory().set(JAVA_INT, r.at(2) + 4, 8);
                    boolean _ = r.send(1, "hints", deallocate(r, 1).cdw(11, 1));
                });
        add(
                "deallocate nothing",
                r -> {
                    r.ready();
                    boolean _ = r.send(1, "deallocate", deallocate(r, 1));
                });
    }

    private static Sqe deallocate(NvmeRig r, int ranges) {
        return Sqe.of(DATASET_MANAGEMENT).nsid(1).prp(r.page(2), 0).cdw(10, ranges - 1).cdw(11, 4);
    }
}
