package helix.hal.sim.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.virtio.Host.HostRing;
import helix.hal.sim.virtio.Host.Piece;
import helix.hal.sim.virtio.Host.Used;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A block device asked by a driver that is told each step.
class BlkDeviceTest {
    private static final int SIZE = 32;

    private FakeMachine machine;
    private Host host;
    private HostRing ring;

    @AfterEach
    void close() {
        machine.close();
    }

    /// Ring format, event index, indirect tables.
    record Shape(boolean packed, boolean eventIndex, boolean indirect, boolean inOrder) {}

    static Stream<Shape> shapes() {
        return Stream.of(
                new Shape(false, false, false, false),
                new Shape(false, true, true, false),
                new Shape(false, true, false, true),
                new Shape(true, false, false, false),
                new Shape(true, true, true, false),
                new Shape(true, true, false, true));
    }

    private void start(Shape shape, String... options) {
        Map<String, String> all = new HashMap<>();
        all.put("size", "1M");
        all.put("packed", shape.packed ? "on" : "off");
        all.put("event_idx", shape.eventIndex ? "on" : "off");
        all.put("indirect_desc", shape.indirect ? "on" : "off");
        all.put("in_order", shape.inOrder ? "on" : "off");
        for (int i = 0; i < options.length; i += 2) {
            all.put(options[i], options[i + 1]);
        }
        start(all, -1L);
    }

    private void start(Map<String, String> options, long wanted) {
        machine = new FakeMachine(new VirtioBlkFactory().create("blk0", options));
        host = new Host(machine);
        long features = host.offered() & wanted;
        host.negotiate(features);
        assertThat(host.status()).isEqualTo(0xB);
        ring = host.queue(0, SIZE, features, 1);
        host.ready();
        assertThat(machine.violations).isEmpty();
    }

    private void start(String... options) {
        start(new Shape(false, true, true, false), options);
    }

    /// A request that is not submitted yet.
    record Request(long header, long data, long length, long status, List<Piece> pieces) {}

    private Request request(int type, long sector, long length, boolean in) {
        long header = host.allocate(16, 8);
        long data = host.allocate(Math.max(length, 1), 8);
        long status = host.allocate(1, 1);
        Wire.put32(host.memory(), header, type);
        Wire.put64(host.memory(), header + 8, sector);
        Wire.put8(host.memory(), status, 0xEE);
        List<Piece> pieces = new ArrayList<>();
        pieces.add(Host.in(header, 16));
        if (length > 0) {
            pieces.add(new Piece(data, length, in));
        }
        pieces.add(Host.out(status, 1));
        return new Request(header, data, length, status, pieces);
    }

    private int submit(Request request, boolean indirect) {
        return indirect ? ring.addIndirect(request.pieces) : ring.add(request.pieces);
    }

    private int run(Request request) {
        int id = submit(request, false);
        if (ring.kickDue()) {
            ring.kick();
        }
        machine.settle();
        Used used = ring.poll();
        assertThat(used).isNotNull();
        assertThat(used.id()).isEqualTo(id);
        return Wire.u8(host.memory(), request.status);
    }

    private Request write(long sector, int length, int pattern) {
        Request request = request(1, sector, length, false);
        for (long i = 0; i < length; i++) {
            host.memory().set(ValueLayout.JAVA_BYTE, request.data + i, (byte) (pattern + i * 7));
        }
        return request;
    }

    private boolean holds(Request request, int pattern) {
        for (long i = 0; i < request.length; i++) {
            byte expected = (byte) (pattern + i * 7);
            if (host.memory().get(ValueLayout.JAVA_BYTE, request.data + i) != expected) {
                return false;
            }
        }
        return true;
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void whatIsWrittenIsRead(Shape shape) {
        start(shape);
        long mark = host.mark();
        for (int round = 0; round < 10 * SIZE; round++) {
            host.release(mark);
            Request write = write(round % 100 * 8L, 4096, round);
            int id = submit(write, shape.indirect && round % 2 == 0);
            ring.kick();
            machine.settle();
            assertThat(ring.poll()).isEqualTo(new Used(id, 1));
            assertThat(Wire.u8(host.memory(), write.status)).isZero();
            Request read = request(0, round % 100 * 8L, 4096, true);
            id = submit(read, shape.indirect && round % 3 == 0);
            ring.kick();
            machine.settle();
            assertThat(ring.poll()).isEqualTo(new Used(id, 4097));
            assertThat(holds(read, round)).isTrue();
        }
        assertThat(machine.violations).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void allRequestsEndOnceAndOutOfOrderUnlessInOrder(Shape shape) {
        start(shape);
        int overtaken = 0;
        int seen = 0;
        List<Integer> expected = new ArrayList<>();
        long mark = host.mark();
        for (int round = 0; round < 50; round++) {
            host.release(mark);
            for (int i = 0; i < 8; i++) {
                expected.add(submit(request(0, i, 512, true), false));
            }
            if (ring.kickDue()) {
                ring.kick();
            }
            machine.settle();
            for (Used used = ring.poll(); used != null; used = ring.poll()) {
                int at = expected.indexOf(used.id());
                assertThat(at).isNotNegative();
                overtaken += at == 0 ? 0 : 1;
                expected.remove(at);
                seen++;
            }
            assertThat(expected).isEmpty();
        }
        assertThat(seen).isEqualTo(400);
        if (shape.inOrder) {
            assertThat(overtaken).isZero();
        } else {
            assertThat(overtaken).isGreaterThan(50);
        }
    }

    @Test
    void identifiesItself() {
        start("serial", "S123");
        Request request = request(8, 0, 20, true);
        assertThat(run(request)).isZero();
        assertThat(host.memory().asSlice(request.data, 20).toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(
                        "S123\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                .getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    }

    private Request ranges(int type, long... values) {
        Request request = request(type, 0, values.length / 3 * 16, false);
        MemorySegment memory = host.memory();
        for (int i = 0; i < values.length; i += 3) {
            Wire.put64(memory, request.data + i / 3 * 16, values[i]);
            Wire.put32(memory, request.data + i / 3 * 16 + 8, (int) values[i + 1]);
            Wire.put32(memory, request.data + i / 3 * 16 + 12, (int) values[i + 2]);
        }
        return request;
    }

    @Test
    void zeroesAndDiscards() {
        start();
        assertThat(run(write(0, 4096, 1))).isZero();
        assertThat(run(ranges(13, 0, 2, 0, 4, 1, 1))).isZero();
        Request read = request(0, 0, 4096, true);
        assertThat(run(read)).isZero();
        assertThat(Wire.i64(host.memory(), read.data)).isZero();
        assertThat(Wire.i64(host.memory(), read.data + 4 * 512)).isZero();
        assertThat(Wire.u8(host.memory(), read.data + 1024)).isNotZero();
        assertThat(run(ranges(11, 0, 8, 0))).isZero();
        // 5.2.6.2: flags that are not known.
        assertThat(run(ranges(11, 0, 8, 1))).isEqualTo(2);
        assertThat(run(ranges(13, 0, 8, 2))).isEqualTo(2);
        assertThat(machine.violations).isEmpty();
    }

    @Test
    void refusesWhatItDoesNotKnow() {
        start();
        assertThat(run(request(14, 0, 0, false))).isEqualTo(2);
        assertThat(run(request(10, 0, 6, true))).isEqualTo(2);
        assertThat(run(request(99, 0, 0, false))).isEqualTo(2);
    }

    @Test
    void refusesWhatIsBeyondItsCapacity() {
        start();
        assertThat(host.config(0, 4)).isEqualTo(2048);
        assertThat(run(request(0, 2048, 512, true))).isEqualTo(1);
        assertThat(run(request(0, 2047, 1024, true))).isEqualTo(1);
        assertThat(run(request(0, -1, 512, true))).isEqualTo(1);
        assertThat(run(write(2047, 1024, 1))).isEqualTo(1);
        assertThat(run(request(0, 0, 100, true))).isEqualTo(1);
        assertThat(machine.violations).hasSize(5);
    }

    @Test
    void aReadOnlyDiskIsNotWritten() {
        start("readonly", "on");
        assertThat(run(write(0, 512, 3))).isEqualTo(1);
        assertThat(run(ranges(13, 0, 1, 0))).isEqualTo(1);
        Request read = request(0, 0, 512, true);
        assertThat(run(read)).isZero();
        assertThat(Wire.u8(host.memory(), read.data)).isZero();
    }

    @Test
    void headerAndStatusMayBeCutAnywhere() {
        start();
        Request write = write(3, 1024, 9);
        ring.add(
                Host.in(write.header, 5),
                Host.in(write.header + 5, 11),
                Host.in(write.data, 100),
                Host.in(write.data + 100, 924),
                Host.out(write.status, 1));
        ring.kick();
        machine.settle();
        assertThat(ring.poll()).isNotNull();
        Request read = request(0, 3, 1024, true);
        long whole = host.allocate(1025, 1);
        ring.add(Host.in(read.header, 16), Host.out(whole, 3), Host.out(whole + 3, 1022));
        ring.kick();
        machine.settle();
        assertThat(ring.poll().length()).isEqualTo(1025);
        assertThat(Wire.u8(host.memory(), whole + 1024)).isZero();
        assertThat(
                        host.memory()
                                .asSlice(whole, 1024)
                                .mismatch(host.memory().asSlice(write.data, 1024)))
                .isEqualTo(-1);
    }
}
