package helix.driver.kit.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.virtio.VirtioBringUp;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;

/// A queue with a device at its other end, and random work for both. Each buffer's readable bytes
/// and lengths follow from its token, its address from a slot: both sides can tell what is whose.
final class QueueRig implements AutoCloseable {
    /// A queue's format.
    record Format(boolean packed, boolean indirect, boolean eventIndex) {
        long features() {
            return VirtioFeature.VERSION_1
                    | (packed ? VirtioFeature.RING_PACKED : 0)
                    | (indirect ? VirtioFeature.RING_INDIRECT_DESC : 0)
                    | (eventIndex ? VirtioFeature.RING_EVENT_IDX : 0);
        }

        static List<Format> all() {
            List<Format> all = new ArrayList<>();
            for (int bits = 0; bits < 8; bits++) {
                all.add(new Format((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0));
            }
            return all;
        }
    }

    private record Sent(int slot, int out, int in, int total) {}

    private static final int PIECE = 64;
    private static final int SLOTS = 1024;

    final TestMachine machine = new TestMachine();
    final TestVirtioDevice device;
    final Format format;
    final int segments;
    final DmaBuffer data;
    DmaBuffer memory;
    VirtioTransport transport;
    Virtqueue queue;
    final DeviceRing ring;
    final Map<Integer, Sent> sent = new HashMap<>();
    final List<RequestChain> taken = new ArrayList<>();
    final Map<Integer, Integer> answers = new HashMap<>();
    final Random random;
    int nextToken;
    int unkicked;
    boolean armed = true;
    boolean interruptsOn;
    int completed;

    /// With tables: how many entries a buffer without one leaves free.
    int reserve;

    private int pendingWhenOn;
    private boolean quiet;
    private final int[] tokenAtSlot = new int[SLOTS];
    private final int[] freeSlots = IntStream.range(0, SLOTS).toArray();
    private int freeSlotCount = SLOTS;

    QueueRig(Format format, int size, int segments, long seed) {
        this.format = format;
        this.segments = segments;
        random = new Random(seed);
        device = new TestVirtioDevice(machine, 2, format.features(), 8, size);
        device.automatic(false);
        transport = device.open(machine.lease());
        long features =
                VirtioBringUp.negotiate(
                        transport, Virtqueue.FEATURES, 0, Deadline.afterMillis(1000));
        Virtqueue.Shape shape = new Virtqueue.Shape(0, size, features, segments);
        memory = machine.allocate(machine.lease(), DmaRequest.pages(Virtqueue.bytes(shape)));
        data = machine.allocateShared(machine.lease(), DmaRequest.pages((long) PIECE * SLOTS));
        queue = Virtqueue.create(shape, memory, transport.doorbell(0), transport.doorbellValue(0));
        transport.enableQueue(
                0,
                size,
                queue.descriptorArea(),
                queue.driverArea(),
                queue.deviceArea(),
                VirtioTransport.NO_VECTOR);
        VirtioBringUp.ready(transport);
        ring = device.ring(0);
        reserve = size;
        // Tokens use all 32 bits.
        nextToken = random.nextInt();
    }

    /// Lets buffers go without tables.
    void reserve(int entries) {
        reserve = entries;
        queue.reserve(entries);
    }

    /// Submits one buffer if there is room.
    boolean submit() {
        int pieces = 1 + random.nextInt(segments);
        return submit(pieces, random.nextInt(pieces + 1));
    }

    boolean submit(int pieces, int out) {
        int free = queue.free();
        boolean tabled = format.indirect && free - pieces < reserve;
        int takes = tabled ? 1 : pieces;
        // Of those with one piece, some in one call.
        boolean atOnce = pieces == 1 && (nextToken & 2) != 0 && free > 0;
        boolean room = atOnce || queue.begin(pieces);
        assertThat(room).isEqualTo(takes <= free || pieces == 0);
        if (!room) {
            return false;
        }
        int token = nextToken++;
        int slot = freeSlots[--freeSlotCount];
        tokenAtSlot[slot] = token;
        long address = data.address() + (long) PIECE * slot;
        int writable;
        if (atOnce) {
            writable = out == 0 ? length(token, 0) : 0;
            assertThat(queue.submitOne(address, length(token, 0), out == 0, token)).isTrue();
        } else {
            writable = describe(address, pieces, out, token);
            queue.submit(token);
        }
        unkicked++;
        sent.put(token, new Sent(slot, out, pieces - out, writable));
        assertThat(queue.free()).isEqualTo(free - takes);
        assertThat(queue.inFlight()).isEqualTo(sent.size());
        return true;
    }

    private int describe(long address, int pieces, int out, int token) {
        int writable = 0;
        for (int i = 0; i < pieces; i++) {
            int length = length(token, i);
            if (i < out) {
                queue.out(address, length);
            } else {
                queue.in(address, length);
                writable += length;
            }
        }
        return writable;
    }

    private static int length(int token, int piece) {
        return 1 + (token * 31 + piece * 7 & 63);
    }

    void kick() {
        long before = device.kicks(0);
        boolean notified = queue.kick();
        assertThat(device.kicks(0) - before).isEqualTo(notified ? 1 : 0);
        if (unkicked > 0 && armed) {
            assertThat(notified).as("the device waits for a notification").isTrue();
        }
        if (unkicked == 0) {
            assertThat(notified).isFalse();
        }
        if (notified) {
            armed = false;
        }
        unkicked = 0;
    }

    /// The device takes one buffer.
    boolean take() {
        RequestChain chain = ring.next();
        if (chain == null) {
            armed = true;
            return false;
        }
        armed = false;
        taken.add(chain);
        return true;
    }

    /// The device uses one of what it took.
    void use(boolean inOrder) {
        if (taken.isEmpty()) {
            return;
        }
        RequestChain chain = taken.remove(inOrder ? 0 : random.nextInt(taken.size()));
        int token = tokenOf(chain);
        Sent expected = sent.get(token);
        assertThat(expected).isNotNull();
        assertThat(chain.writableBytes()).isEqualTo(expected.total);
        long outs = chain.pieces().stream().filter(p -> !p.writable()).count();
        assertThat(outs).isEqualTo(expected.out);
        assertThat(chain.pieces()).hasSize(expected.out + expected.in);
        for (int i = 0; i < chain.pieces().size(); i++) {
            assertThat(chain.pieces().get(i).bytes().byteSize()).isEqualTo(length(token, i));
        }
        int written = expected.total == 0 ? 0 : random.nextInt(expected.total + 1);
        assertThat(answers.put(token, written)).isNull();
        ring.use(chain, written);
    }

    private int tokenOf(RequestChain chain) {
        long slot = (chain.pieces().getFirst().address() - data.address()) / PIECE;
        return tokenAtSlot[(int) slot];
    }

    boolean reap() {
        boolean any = queue.poll();
        assertThat(queue.defect()).isEmpty();
        assertThat(any).isEqualTo(!answers.isEmpty());
        if (any) {
            int token = queue.token();
            Sent back = sent.remove(token);
            assertThat(back).isNotNull();
            freeSlots[freeSlotCount++] = back.slot;
            assertThat(queue.written()).isEqualTo(answers.remove(token));
            assertThat(queue.inFlight()).isEqualTo(sent.size());
            completed++;
        }
        return any;
    }

    /// Passes everything on to another generation.
    void adopt() {
        queue.keep();
        adoptKept();
    }

    /// The next generation goes on with what is in memory.
    void adoptKept() {
        long address = memory.address();
        machine.pass();
        memory = machine.adopt(machine.lease(), address);
        Virtqueue old = queue;
        transport = device.open(machine.lease());
        queue = Virtqueue.adopt(memory, transport.doorbell(0), transport.doorbellValue(0));
        queue.reserve(reserve);
        assertThat(queue.shape()).isEqualTo(old.shape());
        assertThat(queue.free()).isEqualTo(old.free());
        assertThat(queue.inFlight()).isEqualTo(sent.size());
        assertThat(queue.descriptorArea()).isEqualTo(old.descriptorArea());
        assertThat(queue.driverArea()).isEqualTo(old.driverArea());
        assertThat(queue.deviceArea()).isEqualTo(old.deviceArea());
        List<Integer> tokens = new ArrayList<>();
        queue.forEachInFlight(tokens::add);
        assertThat(tokens).containsExactlyInAnyOrderElementsOf(sent.keySet());
    }

    /// Does random things in random order.
    void work(int steps, boolean inOrder, boolean adopting) {
        for (int i = 0; i < steps; i++) {
            switch (random.nextInt(adopting ? 13 : 12)) {
                case 0, 1, 2 -> {
                    for (int n = random.nextInt(8); n >= 0; n--) {
                        if (!submit()) {
                            break;
                        }
                    }
                }
                case 3, 4 -> kick();
                case 5, 6 -> {
                    for (int n = random.nextInt(8); n >= 0 && take(); n--) {}
                }
                case 7, 8 -> {
                    for (int n = random.nextInt(8); n >= 0; n--) {
                        use(inOrder);
                    }
                    checkInterrupt();
                }
                case 9, 10 -> {
                    for (int n = random.nextInt(8); n >= 0 && reap(); n--) {}
                }
                case 11 -> toggleInterrupts();
                default -> adopt();
            }
        }
        drain(inOrder);
    }

    private void toggleInterrupts() {
        boolean _ = ring.interruptDue();
        if (random.nextBoolean()) {
            boolean none = queue.enableInterrupts();
            assertThat(none).isEqualTo(answers.isEmpty());
            interruptsOn = none;
        } else {
            queue.disableInterrupts();
            interruptsOn = false;
        }
        pendingWhenOn = answers.size();
        quiet = !interruptsOn && answers.isEmpty();
    }

    private void checkInterrupt() {
        boolean due = ring.interruptDue();
        if (interruptsOn && answers.size() > pendingWhenOn) {
            assertThat(due).as("the driver waits for an interrupt").isTrue();
            interruptsOn = false;
        } else if (quiet) {
            assertThat(due).as("the driver wants no interrupt").isFalse();
        }
    }

    void drain(boolean inOrder) {
        kick();
        while (take()) {}
        while (!taken.isEmpty()) {
            use(inOrder);
        }
        while (reap()) {}
        assertThat(sent).isEmpty();
        assertThat(queue.inFlight()).isZero();
        assertThat(queue.free()).isEqualTo(queue.shape().size());
    }

    MemorySegment bytes() {
        return memory.segment();
    }

    @Override
    public void close() {
        device.close();
        machine.close();
    }
}
