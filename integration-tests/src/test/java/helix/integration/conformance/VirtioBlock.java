package helix.integration.conformance;

import static helix.integration.conformance.VirtioRig.EVENT_IDX;
import static helix.integration.conformance.VirtioRig.INDIRECT;
import static helix.integration.conformance.VirtioRig.PACKED;
import static helix.integration.conformance.VirtioRig.VERSION_1;
import static helix.integration.conformance.VirtioRig.bits;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import helix.integration.conformance.RingQueue.Piece;
import helix.integration.conformance.Sequence.Steps;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Requests of a virtio disk: VIRTIO 1.2, section 5.2.
final class VirtioBlock {
    private static final int IN = 0;
    private static final int OUT = 1;
    private static final int FLUSH = 4;
    private static final int GET_ID = 8;
    private static final int DISCARD = 11;
    private static final int WRITE_ZEROES = 13;

    private static final int F_FLUSH = 9;
    private static final int F_DISCARD = 13;
    private static final int F_WRITE_ZEROES = 14;

    private static final long BASIC = bits(VERSION_1, F_FLUSH, F_DISCARD, F_WRITE_ZEROES);
    private static final int SECTORS = 8192;
    private static final int SIZE = 64;

    /// Places in the data memory: header, status, data.
    private static final long HEADER = 0;

    private static final long STATUS = 0x100;
    private static final long DATA = 0x1000;

    /// Each kind of ring.
    static final Map<String, Long> RINGS =
            Map.of(
                    "split", 0L,
                    "split, indirect", bits(INDIRECT),
                    "split, event index", bits(EVENT_IDX),
                    "packed", bits(PACKED),
                    "packed, indirect", bits(PACKED, INDIRECT),
                    "packed, event index", bits(PACKED, EVENT_IDX));

    private final List<Sequence<VirtioRig>> sequences = new ArrayList<>();

    static List<Sequence<VirtioRig>> all() {
        VirtioBlock all = new VirtioBlock();
        all.config();
        for (String ring : RINGS.keySet().stream().sorted().toList()) {
            all.requests(ring, RINGS.get(ring) | BASIC);
        }
        all.badRequests();
        all.badRings();
        return all.sequences;
    }

    private void add(String name, Steps<VirtioRig> steps) {
        sequences.add(new Sequence<>("virtio-blk: " + name, steps));
    }

    private void config() {
        add("capacity", r -> r.say("capacity %d", r.device(0, 4) | r.device(4, 4) << 32));
        add(
                "capacity by each width",
                r -> {
                    long low = r.device(0, 4);
                    r.say("8: %b", r.device(0, 1) == (low & 0xFF));
                    r.say("16: %b", r.device(0, 2) == (low & 0xFFFF));
                    r.say("64: %b", (r.device(0, 8) & 0xFFFF_FFFFL) == low);
                });
        add("block size", r -> r.say("blk_size %d", r.device(20, 4)));
        add(
                "features offered",
                r -> {
                    long offered = r.offered();
                    for (int bit : new int[] {5, 6, 9, 11, 13, 14}) {
                        r.say("feature %d: %d", bit, offered >> bit & 1);
                    }
                });
        add(
                "capacity is written",
                r -> {
                    r.device(0, 4, 1);
                    r.say("capacity %d", r.device(0, 4));
                });
        add("beyond the configuration", r -> r.say("%x", r.device(0x800, 4)));
    }

    /// Negotiates and sets the first queue up.
    private static RingQueue start(VirtioRig r, long features, int size) {
        if (!r.negotiate(features & r.offered())) {
            r.say("features were not taken");
        }
        RingQueue queue = r.queue(0, size, features);
        r.go();
        return queue;
    }

    private static void header(VirtioRig r, int type, long sector) {
        long at = VirtioRig.DATA + HEADER;
        r.memory().set(JAVA_INT, at, type);
        r.memory().set(JAVA_INT, at + 4, 0);
        r.memory().set(JAVA_LONG, at + 8, sector);
        r.memory().set(JAVA_BYTE, VirtioRig.DATA + STATUS, (byte) 0xEE);
    }

    private static Piece header(VirtioRig r) {
        return new Piece(r.data(HEADER), 16, false);
    }

    private static Piece status(VirtioRig r) {
        return new Piece(r.data(STATUS), 1, true);
    }

    private static Piece data(VirtioRig r, long offset, int length, boolean write) {
        return new Piece(r.data(DATA + offset), length, write);
    }

    private static void request(
            VirtioRig r, RingQueue queue, String what, int type, long sector, List<Piece> data) {
        header(r, type, sector);
        List<Piece> pieces = new ArrayList<>();
        pieces.add(header(r));
        pieces.addAll(data);
        pieces.add(status(r));
        boolean _ = queue.send(what, pieces);
        said(r);
    }

    private static void said(VirtioRig r) {
        r.say("status %02x", r.memory().get(JAVA_BYTE, VirtioRig.DATA + STATUS));
    }

    private static void fill(VirtioRig r, long offset, int length, int salt) {
        for (int i = 0; i < length; i++) {
            r.memory()
                    .set(
                            JAVA_BYTE,
                            VirtioRig.DATA + DATA + offset + i,
                            (byte) (i * 7 + (i >> 8) * 13 + salt));
        }
    }

    private static boolean same(VirtioRig r, long one, long other, int length) {
        long base = VirtioRig.DATA + DATA;
        return r.memory()
                        .asSlice(base + one, length)
                        .mismatch(r.memory().asSlice(base + other, length))
                < 0;
    }

    private static boolean isZero(VirtioRig r, long offset, int length) {
        for (int i = 0; i < length; i++) {
            if (r.memory().get(JAVA_BYTE, VirtioRig.DATA + DATA + offset + i) != 0) {
                return false;
            }
        }
        return true;
    }

    private void requests(String ring, long features) {
        boolean indirect = (features >> INDIRECT & 1) != 0;
        add(
                ring + ": write and read",
                r -> {
                    RingQueue queue = start(r, features, SIZE);
                    fill(r, 0, 4096, 3);
                    request(r, queue, "write", OUT, 8, List.of(data(r, 0, 4096, false)));
                    request(r, queue, "read", IN, 8, List.of(data(r, 0x2000, 4096, true)));
                    r.say("same: %b", same(r, 0, 0x2000, 4096));
                });
        add(
                ring + ": many pieces",
                r -> {
                    RingQueue queue = start(r, features, SIZE);
                    fill(r, 0, 2048, 4);
                    request(
                            r,
                            queue,
                            "write",
                            OUT,
                            0,
                            List.of(
                                    data(r, 0, 1, false),
                                    data(r, 1, 511, false),
                                    data(r, 512, 1500, false),
                                    data(r, 2012, 36, false)));
                    request(
                            r,
                            queue,
                            "read",
                            IN,
                            0,
                            List.of(
                                    data(r, 0x2000, 1000, true),
                                    data(r, 0x2000 + 1000, 1048, true)));
                    r.say("same: %b", same(r, 0, 0x2000, 2048));
                });
        add(
                ring + ": flush",
                r -> request(r, start(r, features, SIZE), "flush", FLUSH, 0, List.of()));
        add(
                ring + ": wraps",
                r -> {
                    RingQueue queue = start(r, features, 8);
                    for (int i = 0; i < 20; i++) {
                        request(r, queue, "read", IN, i, List.of(data(r, 0, 512, true)));
                    }
                });
        add(
                ring + ": several at once",
                r -> {
                    RingQueue queue = start(r, features, SIZE);
                    header(r, FLUSH, 0);
                    for (int i = 0; i < 8; i++) {
                        queue.add(List.of(header(r), status(r)));
                    }
                    queue.kick();
                    for (int i = 0; i < 8; i++) {
                        boolean _ = queue.await("flush");
                    }
                });
        if (indirect) {
            add(
                    ring + ": tables",
                    r -> {
                        RingQueue queue = start(r, features, SIZE);
                        fill(r, 0, 1024, 6);
                        header(r, OUT, 4);
                        queue.addIndirect(
                                List.of(
                                        header(r),
                                        data(r, 0, 512, false),
                                        data(r, 512, 512, false),
                                        status(r)));
                        queue.kick();
                        boolean _ = queue.await("write");
                        said(r);
                        header(r, IN, 4);
                        queue.addIndirect(
                                List.of(header(r), data(r, 0x2000, 1024, true), status(r)));
                        queue.kick();
                        boolean _ = queue.await("read");
                        said(r);
                        r.say("same: %b", same(r, 0, 0x2000, 1024));
                    });
        }
        add(
                ring + ": messages",
                r -> {
                    boolean _ = r.negotiate(features & r.offered());
                    RingQueue queue = r.queue(0, SIZE, features, 1);
                    r.go();
                    queue.suppress(false);
                    request(r, queue, "wanted", FLUSH, 0, List.of());
                    r.awaitMessage(1);
                    queue.suppress(true);
                    request(r, queue, "not wanted", FLUSH, 0, List.of());
                    r.messages("after");
                    queue.suppress(false);
                    request(r, queue, "wanted again", FLUSH, 0, List.of());
                    r.awaitMessage(1);
                });
        add(
                ring + ": write zeroes and discard",
                r -> {
                    RingQueue queue = start(r, features, SIZE);
                    fill(r, 0, 4096, 3);
                    request(r, queue, "write", OUT, 16, List.of(data(r, 0, 4096, false)));
                    range(r, 0x1_0000, 17, 2, 0);
                    request(
                            r,
                            queue,
                            "zeroes",
                            WRITE_ZEROES,
                            0,
                            List.of(data(r, 0x1_0000, 16, false)));
                    request(r, queue, "read", IN, 16, List.of(data(r, 0x2000, 4096, true)));
                    r.say("before kept: %b", same(r, 0, 0x2000, 512));
                    r.say("zero: %b", isZero(r, 0x2000 + 512, 1024));
                    r.say("after kept: %b", same(r, 1536, 0x2000 + 1536, 4096 - 1536));
                    range(r, 0x1_0000, 100, 8, 0);
                    request(r, queue, "discard", DISCARD, 0, List.of(data(r, 0x1_0000, 16, false)));
                });
    }

    private static void range(VirtioRig r, long offset, long sector, int count, int flags) {
        long at = VirtioRig.DATA + DATA + offset;
        r.memory().set(JAVA_LONG, at, sector);
        r.memory().set(JAVA_INT, at + 8, count);
        r.memory().set(JAVA_INT, at + 12, flags);
    }

    private void bad(String name, int type, long sector, Piece... data) {
        add(
                name,
                r -> {
                    RingQueue queue = start(r, BASIC, SIZE);
                    List<Piece> pieces = new ArrayList<>();
                    for (Piece piece : data) {
                        pieces.add(data(r, piece.address(), piece.length(), piece.write()));
                    }
                    request(r, queue, "request", type, sector, pieces);
                    request(r, queue, "flush", FLUSH, 0, List.of());
                });
    }

    private void badRequests() {
        Piece in = new Piece(0, 512, true);
        Piece out = new Piece(0, 512, false);
        bad("last sector", IN, SECTORS - 1, in);
        bad("read beyond the end", IN, SECTORS, in);
        bad("write beyond the end", OUT, SECTORS, out);
        bad("read over the end", IN, SECTORS - 1, new Piece(0, 1024, true));
        bad("write over the end", OUT, SECTORS - 1, new Piece(0, 1024, false));
        bad("sector that overflows", IN, -1, in);
        bad("half a sector", IN, 0, new Piece(0, 256, true));
        bad("a sector and a half", OUT, 0, new Piece(0, 768, false));
        bad("unknown type", 99, 0, in);
        bad("unknown type without data", 0x7FFF_FFFE, 0);
        bad("write zeroes beyond the end", WRITE_ZEROES, 0, new Piece(0x1_0000, 16, false));
        bad("discard without a range", DISCARD, 0);
        bad("discard with half a range", DISCARD, 0, new Piece(0, 8, false));
        add(
                "identity",
                r -> {
                    RingQueue queue = start(r, BASIC, SIZE);
                    request(r, queue, "id", GET_ID, 0, List.of(data(r, 0, 20, true)));
                    StringBuilder id = new StringBuilder();
                    for (int i = 0; i < 20; i++) {
                        byte c = r.memory().get(JAVA_BYTE, VirtioRig.DATA + DATA + i);
                        if (c != 0) {
                            id.append((char) c);
                        }
                    }
                    r.say("identity %s", id);
                });
        for (int[] bad : new int[][] {{SECTORS - 1, 2, 0}, {SECTORS, 1, 0}, {0, 8, 2}, {0, 8, 1}}) {
            add(
                    "write zeroes of %d from %d, flags %x".formatted(bad[1], bad[0], bad[2]),
                    r -> {
                        RingQueue queue = start(r, BASIC, SIZE);
                        range(r, 0x1_0000, bad[0], bad[1], bad[2]);
                        request(
                                r,
                                queue,
                                "zeroes",
                                WRITE_ZEROES,
                                0,
                                List.of(data(r, 0x1_0000, 16, false)));
                    });
            add(
                    "discard of %d from %d, flags %x".formatted(bad[1], bad[0], bad[2]),
                    r -> {
                        RingQueue queue = start(r, BASIC, SIZE);
                        range(r, 0x1_0000, bad[0], bad[1], bad[2]);
                        request(
                                r,
                                queue,
                                "discard",
                                DISCARD,
                                0,
                                List.of(data(r, 0x1_0000, 16, false)));
                    });
        }
        add(
                "a flush with data",
                r ->
                        request(
                                r,
                                start(r, BASIC, SIZE),
                                "flush",
                                FLUSH,
                                0,
                                List.of(data(r, 0, 512, false))));
        add(
                "header in two pieces",
                r -> {
                    RingQueue queue = start(r, BASIC, SIZE);
                    header(r, IN, 0);
                    boolean _ =
                            queue.send(
                                    "read",
                                    List.of(
                                            new Piece(r.data(HEADER), 8, false),
                                            new Piece(r.data(HEADER + 8), 8, false),
                                            data(r, 0, 512, true),
                                            status(r)));
                    said(r);
                });
        add(
                "status at the end of the data's piece",
                r -> {
                    RingQueue queue = start(r, BASIC, SIZE);
                    header(r, IN, 0);
                    boolean _ = queue.send("read", List.of(header(r), data(r, 0, 513, true)));
                    r.say("status %02x", r.memory().get(JAVA_BYTE, VirtioRig.DATA + DATA + 512));
                });
    }

    private void badRings() {
        broken("no room for a status", r -> List.of(header(r)));
        broken("a short header", r -> List.of(new Piece(r.data(HEADER), 8, false), status(r)));
        broken("nothing to read", r -> List.of(status(r)));
        add(
                "a head beyond the table",
                r -> {
                    SplitQueue queue = (SplitQueue) start(r, BASIC, SIZE);
                    queue.publish(SIZE + 3);
                    queue.kick();
                    boolean _ = queue.await("request");
                });
        add(
                "an available index that jumps",
                r -> {
                    SplitQueue queue = (SplitQueue) start(r, BASIC, SIZE);
                    queue.availableIndex(SIZE + 5);
                    queue.kick();
                    boolean _ = queue.await("request");
                });
        add(
                "a chain that ends in a circle",
                r -> {
                    SplitQueue queue = (SplitQueue) start(r, BASIC, SIZE);
                    header(r, IN, 0);
                    queue.descriptor(0, r.data(HEADER), 16, 1, 1);
                    queue.descriptor(1, r.data(DATA), 512, 3, 1);
                    queue.publish(0);
                    queue.kick();
                    boolean _ = queue.await("request");
                });
        add(
                "a next beyond the table",
                r -> {
                    SplitQueue queue = (SplitQueue) start(r, BASIC, SIZE);
                    header(r, IN, 0);
                    queue.descriptor(0, r.data(HEADER), 16, 1, SIZE + 9);
                    queue.publish(0);
                    queue.kick();
                    boolean _ = queue.await("request");
                });
        add(
                "an indirect table of odd size",
                r -> {
                    SplitQueue queue = (SplitQueue) start(r, BASIC | bits(INDIRECT), SIZE);
                    queue.descriptor(0, r.data(0x8000), 24, 4, 0);
                    queue.publish(0);
                    queue.kick();
                    boolean _ = queue.await("request");
                });
        add(
                "a readable piece after a writable one",
                r -> {
                    RingQueue queue = start(r, BASIC, SIZE);
                    header(r, IN, 0);
                    queue.add(List.of(data(r, 0, 512, true), header(r), status(r)));
                    queue.kick();
                    boolean _ = queue.await("request");
                });
        add(
                "healed by a reset",
                r -> {
                    SplitQueue queue = (SplitQueue) start(r, BASIC, SIZE);
                    queue.publish(SIZE + 3);
                    queue.kick();
                    boolean _ = queue.await("request");
                    r.reset();
                    r.memory().fill((byte) 0);
                    request(r, start(r, BASIC, SIZE), "flush", FLUSH, 0, List.of());
                });
        add(
                "a notification without DRIVER_OK",
                r -> {
                    boolean _ = r.negotiate(BASIC & r.offered());
                    RingQueue queue = r.queue(0, SIZE, BASIC);
                    header(r, FLUSH, 0);
                    queue.add(List.of(header(r), status(r)));
                    queue.kick();
                    queue.quiet("before");
                    r.go();
                    queue.kick();
                    queue.quiet("after");
                });
        add(
                "a notification without a buffer",
                r -> {
                    RingQueue queue = start(r, BASIC, SIZE);
                    queue.kick();
                    queue.quiet("nothing available");
                    request(r, queue, "flush", FLUSH, 0, List.of());
                });
    }

    /// What makes the pieces of a request.
    private interface Pieces {
        List<Piece> of(VirtioRig r);
    }

    private void broken(String name, Pieces pieces) {
        add(
                name,
                r -> {
                    RingQueue queue = start(r, BASIC, SIZE);
                    header(r, IN, 0);
                    queue.add(pieces.of(r));
                    queue.kick();
                    boolean _ = queue.await("request");
                });
    }
}
