package helix.integration.conformance;

import static helix.integration.conformance.VirtioRig.PACKED;
import static helix.integration.conformance.VirtioRig.VERSION_1;
import static helix.integration.conformance.VirtioRig.bits;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import helix.integration.conformance.RingQueue.Piece;
import helix.integration.conformance.Sequence.Steps;
import java.util.ArrayList;
import java.util.List;

/// A virtio network card and another on its wire: VIRTIO 1.2, section 5.1.
final class VirtioNetwork {
    private static final int F_MAC = 5;
    private static final int F_MRG_RXBUF = 15;
    private static final int F_STATUS = 16;
    private static final int F_CTRL_VQ = 17;
    private static final int F_CTRL_RX = 18;
    private static final int F_CTRL_VLAN = 19;
    private static final int F_CTRL_MAC_ADDR = 23;

    private static final long BASIC = bits(VERSION_1, F_MAC, F_STATUS);
    private static final long CONTROL =
            BASIC | bits(F_CTRL_VQ, F_CTRL_RX, F_CTRL_VLAN, F_CTRL_MAC_ADDR);

    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int CONTROL_QUEUE = 2;
    private static final int SIZE = 64;

    /// Size of the header with VERSION_1; 5.1.6.
    private static final int HEADER = 12;

    private static final byte[] CARD = {0x52, 0x54, 0, 0, 0, 1};
    private static final byte[] PEER = {0x52, 0x54, 0, 0, 0, 2};
    private static final byte[] BROADCAST = {-1, -1, -1, -1, -1, -1};
    private static final byte[] MULTICAST = {1, 0, 0x5E, 0, 0, 1};

    private final List<Sequence<Pair>> sequences = new ArrayList<>();

    /// Two cards on a wire.
    record Pair(VirtioRig card, VirtioRig peer) {
        void begin(Transcript to) {
            card.begin(to);
            peer.begin(to);
        }

        void say(String format, Object... arguments) {
            card.say(format, arguments);
        }
    }

    static List<Sequence<Pair>> all() {
        VirtioNetwork all = new VirtioNetwork();
        all.config();
        for (long ring : new long[] {0, bits(PACKED)}) {
            all.frames(ring == 0 ? "split" : "packed", ring);
        }
        all.filters();
        all.controls();
        return all.sequences;
    }

    private void add(String name, Steps<Pair> steps) {
        sequences.add(new Sequence<>("virtio-net: " + name, steps));
    }

    private void config() {
        add(
                "MAC address",
                p -> {
                    for (int i = 0; i < 6; i++) {
                        p.say("%02x", p.card().device(i, 1));
                    }
                });
        add(
                "link",
                p -> {
                    p.say("taken: %b", p.card().negotiate(BASIC));
                    p.say("status %x", p.card().device(6, 2));
                });
        add(
                "features offered",
                p -> {
                    long offered = p.card().offered();
                    for (int bit : new int[] {F_MAC, F_MRG_RXBUF, F_STATUS, F_CTRL_VQ, F_CTRL_RX}) {
                        p.say("feature %d: %d", bit, offered >> bit & 1);
                    }
                });
        add(
                "control features without the control queue",
                p -> p.say("taken: %b", p.card().negotiate(BASIC | bits(F_CTRL_RX))));
    }

    private static RingQueue[] start(VirtioRig r, long features) {
        if (!r.negotiate(features & r.offered())) {
            r.say("features were not taken");
        }
        RingQueue[] queues = new RingQueue[3];
        for (int i = 0; i < ((features >> F_CTRL_VQ & 1) != 0 ? 3 : 2); i++) {
            queues[i] = r.queue(i, SIZE, features);
        }
        r.go();
        return queues;
    }

    /// Gives the card a buffer.
    private static void offer(VirtioRig r, RingQueue queue, int slot, int bytes) {
        queue.add(List.of(new Piece(r.data(0x800L * slot), bytes, true)));
        queue.kick();
    }

    private static void frame(VirtioRig r, long at, byte[] to, byte[] from, int bytes) {
        long begin = VirtioRig.DATA + at;
        r.memory().asSlice(begin, HEADER).fill((byte) 0);
        for (int i = 0; i < 6; i++) {
            r.memory().set(JAVA_BYTE, begin + HEADER + i, to[i]);
            r.memory().set(JAVA_BYTE, begin + HEADER + 6 + i, from[i]);
        }
        // A local experimental EtherType.
        r.memory().set(JAVA_BYTE, begin + HEADER + 12, (byte) 0x88);
        r.memory().set(JAVA_BYTE, begin + HEADER + 13, (byte) 0xB5);
        for (int i = 14; i < bytes; i++) {
            r.memory().set(JAVA_BYTE, begin + HEADER + i, (byte) (i * 3));
        }
    }

    private static final long OUT = 0x4_0000;

    private static void send(VirtioRig r, RingQueue queue, byte[] to, byte[] from, int bytes) {
        frame(r, OUT, to, from, bytes);
        boolean _ = queue.send("sent", List.of(new Piece(r.data(OUT), HEADER + bytes, false)));
    }

    /// Sends a frame, then a longer one that is received in any case, and writes down what was.
    private static void received(
            Pair p, RingQueue[] mine, RingQueue[] other, byte[] target, byte[] marker) {
        offer(p.peer(), other[RECEIVE], 0, 0x800);
        offer(p.peer(), other[RECEIVE], 1, 0x800);
        send(p.card(), mine[TRANSMIT], target, CARD, 60);
        send(p.card(), mine[TRANSMIT], marker, CARD, 100);
        long length;
        do {
            length = other[RECEIVE].awaitLength("received");
        } while (length >= 0 && length != HEADER + 100);
    }

    private static void compare(Pair p, int slot, int bytes) {
        boolean same =
                p.card()
                                .memory()
                                .asSlice(VirtioRig.DATA + OUT + HEADER, bytes)
                                .mismatch(
                                        p.peer()
                                                .memory()
                                                .asSlice(
                                                        VirtioRig.DATA + 0x800L * slot + HEADER,
                                                        bytes))
                        < 0;
        p.say("same: %b", same);
        p.say(
                "num_buffers %d, flags %d, gso_type %d",
                p.peer().memory().get(JAVA_SHORT, VirtioRig.DATA + 0x800L * slot + 10),
                p.peer().memory().get(JAVA_BYTE, VirtioRig.DATA + 0x800L * slot),
                p.peer().memory().get(JAVA_BYTE, VirtioRig.DATA + 0x800L * slot + 1));
    }

    private void frames(String ring, long features) {
        for (int bytes : new int[] {60, 64, 1000, 1514}) {
            add(
                    ring + ": a frame of %d bytes".formatted(bytes),
                    p -> {
                        RingQueue[] mine = start(p.card(), BASIC | features);
                        RingQueue[] other = start(p.peer(), BASIC | features);
                        offer(p.peer(), other[RECEIVE], 0, 0x800);
                        send(p.card(), mine[TRANSMIT], PEER, CARD, bytes);
                        boolean _ = other[RECEIVE].await("received");
                        compare(p, 0, bytes);
                    });
        }
        add(
                ring + ": twenty frames in order",
                p -> {
                    RingQueue[] mine = start(p.card(), BASIC | features);
                    RingQueue[] other = start(p.peer(), BASIC | features);
                    for (int i = 0; i < 20; i++) {
                        offer(p.peer(), other[RECEIVE], i, 0x800);
                    }
                    for (int i = 0; i < 20; i++) {
                        send(p.card(), mine[TRANSMIT], PEER, CARD, 60 + i);
                        boolean _ = other[RECEIVE].await("received");
                    }
                });
        add(
                ring + ": header in a piece of its own",
                p -> {
                    RingQueue[] mine = start(p.card(), BASIC | features);
                    RingQueue[] other = start(p.peer(), BASIC | features);
                    offer(p.peer(), other[RECEIVE], 0, 0x800);
                    frame(p.card(), OUT, PEER, CARD, 200);
                    boolean _ =
                            mine[TRANSMIT].send(
                                    "sent",
                                    List.of(
                                            new Piece(p.card().data(OUT), HEADER, false),
                                            new Piece(p.card().data(OUT + HEADER), 100, false),
                                            new Piece(
                                                    p.card().data(OUT + HEADER + 100),
                                                    100,
                                                    false)));
                    boolean _ = other[RECEIVE].await("received");
                    compare(p, 0, 200);
                });
        add(
                ring + ": no buffer to receive",
                p -> {
                    RingQueue[] mine = start(p.card(), BASIC | features);
                    RingQueue[] other = start(p.peer(), BASIC | features);
                    send(p.card(), mine[TRANSMIT], PEER, CARD, 60);
                    other[RECEIVE].quiet("nothing to receive into");
                });
        add(
                ring + ": merged buffers",
                p -> {
                    long both = BASIC | features | bits(F_MRG_RXBUF);
                    RingQueue[] mine = start(p.card(), both);
                    RingQueue[] other = start(p.peer(), both);
                    for (int i = 0; i < 4; i++) {
                        offer(p.peer(), other[RECEIVE], i, 512);
                    }
                    send(p.card(), mine[TRANSMIT], PEER, CARD, 1200);
                    for (int i = 0; i < 3; i++) {
                        boolean _ = other[RECEIVE].await("received");
                    }
                    other[RECEIVE].quiet("more");
                    compare(p, 0, 500);
                });
        add(
                ring + ": messages of both ends",
                p -> {
                    boolean _ = p.card().negotiate(BASIC | features);
                    RingQueue _ = p.card().queue(RECEIVE, SIZE, BASIC | features);
                    RingQueue transmit = p.card().queue(TRANSMIT, SIZE, BASIC | features, 2);
                    p.card().go();
                    boolean _ = p.peer().negotiate(BASIC | features);
                    RingQueue receive = p.peer().queue(RECEIVE, SIZE, BASIC | features, 1);
                    p.peer().go();
                    offer(p.peer(), receive, 0, 0x800);
                    send(p.card(), transmit, PEER, CARD, 60);
                    boolean _ = receive.await("received");
                    p.card().awaitMessage(2);
                    p.peer().awaitMessage(1);
                });
        add(
                ring + ": reset and again",
                p -> {
                    RingQueue[] other = start(p.peer(), BASIC | features);
                    for (int i = 0; i < 3; i++) {
                        offer(p.peer(), other[RECEIVE], i, 0x800);
                        p.card().reset();
                        p.card().memory().fill((byte) 0);
                        RingQueue[] mine = start(p.card(), BASIC | features);
                        send(p.card(), mine[TRANSMIT], PEER, CARD, 60);
                        boolean _ = other[RECEIVE].await("received");
                    }
                });
    }

    /// Which frames a card takes before and after control commands.
    private void filters() {
        byte[][] targets = {PEER, BROADCAST, MULTICAST, {0x52, 0x54, 0, 0, 0, 9}};
        String[] names = {"its own", "broadcast", "multicast", "another's"};
        for (int i = 0; i < targets.length; i++) {
            byte[] target = targets[i];
            add(
                    "a frame to %s address".formatted(names[i]),
                    p -> {
                        RingQueue[] mine = start(p.card(), BASIC);
                        RingQueue[] other = start(p.peer(), CONTROL);
                        received(p, mine, other, target, PEER);
                    });
            for (int command = 0; command <= 5; command++) {
                int number = command;
                add(
                        "a frame to %s address, receive mode %d on".formatted(names[i], command),
                        p -> {
                            RingQueue[] mine = start(p.card(), BASIC);
                            RingQueue[] other = start(p.peer(), CONTROL);
                            control(p.peer(), other[CONTROL_QUEUE], 0, number, new byte[] {1});
                            // Mode 4 is to drop unicast.
                            received(p, mine, other, target, number == 4 ? BROADCAST : PEER);
                        });
            }
        }
    }

    /// A command; 5.1.6.5.
    private static void control(VirtioRig r, RingQueue queue, int group, int command, byte[] data) {
        long base = 0x5_0000;
        r.memory().set(JAVA_BYTE, VirtioRig.DATA + base, (byte) group);
        r.memory().set(JAVA_BYTE, VirtioRig.DATA + base + 1, (byte) command);
        for (int i = 0; i < data.length; i++) {
            r.memory().set(JAVA_BYTE, VirtioRig.DATA + base + 0x100 + i, data[i]);
        }
        r.memory().set(JAVA_BYTE, VirtioRig.DATA + base + 0x200, (byte) 0xEE);
        List<Piece> pieces = new ArrayList<>();
        pieces.add(new Piece(r.data(base), 2, false));
        if (data.length > 0) {
            pieces.add(new Piece(r.data(base + 0x100), data.length, false));
        }
        pieces.add(new Piece(r.data(base + 0x200), 1, true));
        boolean _ = queue.send("control", pieces);
        r.say("ack %02x", r.memory().get(JAVA_BYTE, VirtioRig.DATA + base + 0x200));
    }

    private void command(String name, int group, int command, byte... data) {
        add(
                "control, " + name,
                p -> {
                    RingQueue[] other = start(p.peer(), CONTROL);
                    control(p.peer(), other[CONTROL_QUEUE], group, command, data);
                    control(p.peer(), other[CONTROL_QUEUE], 0, 0, new byte[] {0});
                });
    }

    private void controls() {
        command("promiscuous", 0, 0, (byte) 1);
        command("all multicast", 0, 1, (byte) 1);
        command("receive mode without its value", 0, 0);
        command("unknown receive mode", 0, 99, (byte) 1);
        command("unknown class", 99, 0, (byte) 1);
        command(
                "MAC address",
                1,
                1,
                (byte) 0x52,
                (byte) 0x54,
                (byte) 0,
                (byte) 0,
                (byte) 0,
                (byte) 7);
        command("short MAC address", 1, 1, (byte) 0x52, (byte) 0x54);
        command("unknown MAC command", 1, 9, (byte) 1);
        command("VLAN", 2, 0, (byte) 5, (byte) 0);
        command("VLAN removed", 2, 1, (byte) 5, (byte) 0);
        command("VLAN beyond the last", 2, 0, (byte) 0xFF, (byte) 0xFF);
        command("short VLAN", 2, 0, (byte) 5);
        add(
                "a new MAC address is taken",
                p -> {
                    byte[] address = {0x52, 0x54, 0, 0, 0, 7};
                    RingQueue[] mine = start(p.card(), BASIC);
                    RingQueue[] other = start(p.peer(), CONTROL);
                    control(p.peer(), other[CONTROL_QUEUE], 0, 0, new byte[] {0});
                    control(p.peer(), other[CONTROL_QUEUE], 1, 1, address);
                    p.say("to the old one");
                    received(p, mine, other, PEER, BROADCAST);
                    p.say("to the new one");
                    received(p, mine, other, address, BROADCAST);
                    p.say("configuration %02x", p.peer().device(5, 1));
                });
        add(
                "a table of addresses",
                p -> {
                    RingQueue[] mine = start(p.card(), BASIC);
                    RingQueue[] other = start(p.peer(), CONTROL);
                    control(p.peer(), other[CONTROL_QUEUE], 0, 0, new byte[] {0});
                    byte[] table = new byte[4 + 6 + 4];
                    table[0] = 1;
                    table[4] = 0x52;
                    table[5] = 0x54;
                    table[9] = 9;
                    control(p.peer(), other[CONTROL_QUEUE], 1, 0, table);
                    p.say("in the table");
                    received(p, mine, other, new byte[] {0x52, 0x54, 0, 0, 0, 9}, BROADCAST);
                    p.say("not in the table");
                    received(p, mine, other, new byte[] {0x52, 0x54, 0, 0, 0, 8}, BROADCAST);
                });
        add(
                "a command without an ack byte",
                p -> {
                    RingQueue[] other = start(p.peer(), CONTROL);
                    p.peer().memory().set(JAVA_INT, VirtioRig.DATA, 0);
                    other[CONTROL_QUEUE].add(List.of(new Piece(p.peer().data(0), 3, false)));
                    other[CONTROL_QUEUE].kick();
                    other[CONTROL_QUEUE].quiet("control");
                });
    }
}
