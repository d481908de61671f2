package helix.hal.sim.nvme;

import static helix.hal.sim.nvme.ScriptHost.entry;
import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.nvme.ScriptHost.Completion;
import helix.hal.sim.nvme.ScriptHost.Entry;
import helix.hal.sim.nvme.ScriptHost.Queue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The NVM command set, and the memory its commands name. NVM 1.0, section 3; Base 2.0, section
/// 4.1.1.
class IoCommandsTest {
    private static final int FLUSH = 0x00;
    private static final int WRITE = 0x01;
    private static final int READ = 0x02;
    private static final int WRITE_UNCORRECTABLE = 0x04;
    private static final int COMPARE = 0x05;
    private static final int WRITE_ZEROES = 0x08;
    private static final int DATASET_MANAGEMENT = 0x09;
    private static final int VERIFY = 0x0C;
    private static final long BLOCKS = (16 << 20) / 512;

    private final SimAccess sim = new SimAccess("mdts=2");
    private final ScriptHost host = new ScriptHost(sim);
    private Queue queue;
    private long from;
    private long to;

    IoCommandsTest() {
        host.enable();
        queue = host.pair(1, 16, -1);
        from = host.allocate(8);
        to = host.allocate(8);
    }

    @BeforeEach
    void fill() {
        host.fill(from, 8 * 4096, 77);
    }

    @AfterEach
    void close() {
        sim.close();
    }

    private void check(Entry entry, int status) {
        Completion completion = queue.send(entry);
        assertThat(completion.code()).isEqualTo(status);
    }

    private boolean isZero(long offset, long length) {
        for (long at = offset; at < offset + length; at += 8) {
            if (host.int64(at) != 0) {
                return false;
            }
        }
        return true;
    }

    @ParameterizedTest
    @ValueSource(strings = {"backing=mem:8M", "backing=null:1G", "block-size=4096", "vwc=off"})
    void readsWhatWasWritten(String option) {
        try (SimAccess other = new SimAccess(option)) {
            ScriptHost script = new ScriptHost(other);
            script.enable();
            Queue pair = script.pair(1, 16, -1);
            long written = script.allocate(2);
            long read = script.allocate(2);
            script.fill(written, 8192, 3);
            script.fill(read, 8192, 4);
            int blocks = option.equals("block-size=4096") ? 2 : 16;
            assertThat(pair.send(script.transfer(WRITE, 1, 9, blocks, written)).status()).isZero();
            assertThat(pair.send(script.transfer(READ, 1, 9, blocks, read)).status()).isZero();
            if (option.startsWith("backing=null")) {
                script.bytes(written, 8192).fill((byte) 0);
            }
            assertThat(script.bytes(read, 8192).mismatch(script.bytes(written, 8192)))
                    .isEqualTo(-1);
        }
    }

    @Test
    void keepsAFileSparseAndItsBytes(@TempDir Path dir) throws IOException {
        Path file = dir.resolve("disk.img");
        try (SimAccess other = new SimAccess("file=" + file, "size=64M")) {
            ScriptHost script = new ScriptHost(other);
            script.enable();
            Queue pair = script.pair(1, 16, -1);
            long page = script.allocate(2);
            script.fill(page, 4096, 3);
            assertThat(pair.send(script.transfer(WRITE, 1, 8, 8, page)).status()).isZero();
        }
        assertThat(Files.size(file)).isEqualTo(64 << 20);
        byte[] bytes = Files.readAllBytes(file);
        assertThat(bytes[4096]).isEqualTo((byte) (3 * 31));
        assertThat(bytes[8192]).isZero();
    }

    @Test
    void keepsNamespacesApart() {
        try (SimAccess other = new SimAccess("namespaces=2", "backing=mem:2M")) {
            ScriptHost script = new ScriptHost(other);
            script.enable();
            Queue pair = script.pair(1, 16, -1);
            long page = script.allocate(2);
            script.fill(page, 4096, 3);
            assertThat(pair.send(script.transfer(WRITE, 1, 2040, 8, page)).status()).isZero();
            assertThat(pair.send(script.transfer(READ, 2, 0, 8, page)).status()).isZero();
            assertThat(script.int64(page)).isZero();
            assertThat(pair.send(script.transfer(READ, 1, 2041, 8, page)).code()).isEqualTo(0x080);
            assertThat(pair.send(script.transfer(READ, 3, 0, 8, page)).code()).isEqualTo(0x00B);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0, 1, 0x000",
        "32760, 8, 0x000",
        "32761, 8, 0x080",
        "32768, 1, 0x080",
        "-1, 1, 0x080",
        "-9223372036854775808, 1, 0x080",
        "9223372036854775807, 2, 0x080",
    })
    void checksRanges(long block, int count, String status) {
        int wanted = Integer.decode(status);
        for (int opcode : new int[] {READ, WRITE, COMPARE, WRITE_ZEROES, VERIFY}) {
            Completion completion = queue.send(host.transfer(opcode, 1, block, count, from));
            if (wanted != 0 || opcode != COMPARE) {
                assertThat(completion.code()).as("opcode %x", opcode).isEqualTo(wanted);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 0x00B", "2, 0x00B", "-1, 0x002", "-2, 0x00B"})
    void checksNamespaces(int nsid, String status) {
        for (int opcode : new int[] {READ, WRITE, COMPARE, WRITE_ZEROES, VERIFY, 0x04, 0x09}) {
            check(host.transfer(opcode, nsid, 0, 1, from), Integer.decode(status));
        }
        check(entry(FLUSH).nsid(nsid), nsid == -1 ? 0 : Integer.decode(status));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x03, 0x0D, 0x19, 0x7F, 0x80, 0xFF})
    void refusesOtherCommands(int opcode) {
        assertThat(queue.send(entry(opcode).nsid(1)).status()).isEqualTo(0x001 | 1 << 14);
        assertThat(queue.send(entry(opcode).nsid(0)).status()).isEqualTo(0x001 | 1 << 14);
    }

    @ParameterizedTest
    @ValueSource(ints = {0x01, 0x02, 0x40, 0x80})
    void refusesFusedCommandsAndScatterGatherLists(int flags) {
        check(host.transfer(READ, 1, 0, 1, to).flags(flags), 0x002);
    }

    @Test
    void comparesAll() {
        check(host.transfer(WRITE, 1, 0, 16, from), 0);
        check(host.transfer(COMPARE, 1, 0, 16, from), 0);
        host.set32(from + 8188, 1);
        Completion completion = queue.send(host.transfer(COMPARE, 1, 0, 16, from));
        assertThat(completion.status()).isEqualTo(0x285 | 1 << 14);
        check(host.transfer(COMPARE, 1, 0, 15, from), 0);
    }

    @Test
    void zeroes() {
        check(host.transfer(WRITE, 1, 0, 16, from), 0);
        check(entry(WRITE_ZEROES).nsid(1).blocks(1, 2), 0);
        check(host.transfer(READ, 1, 0, 16, to), 0);
        assertThat(host.bytes(to, 512).mismatch(host.bytes(from, 512))).isEqualTo(-1);
        assertThat(isZero(to + 512, 1024)).isTrue();
        assertThat(host.bytes(to + 1536, 6656).mismatch(host.bytes(from + 1536, 6656)))
                .isEqualTo(-1);
        check(entry(WRITE_ZEROES).nsid(1).blocks(0, 32768), 0);
    }

    private Entry deallocate(int ranges, long list) {
        return entry(DATASET_MANAGEMENT)
                .nsid(1)
                .prp(host.address(list), host.address(list + 4096 & -4096L))
                .cdw(10, ranges - 1)
                .cdw(11, 4);
    }

    private void range(long list, int index, long block, int count) {
        host.set32(list + index * 16L, 0);
        host.set32(list + index * 16L + 4, count);
        host.set64(list + index * 16L + 8, block);
    }

    @Test
    void deallocatesRanges() {
        check(host.transfer(WRITE, 1, 0, 16, from), 0);
        range(to, 0, 0, 1);
        range(to, 1, 15, 1);
        range(to, 2, 3, 0);
        check(deallocate(3, to), 0);
        check(host.transfer(READ, 1, 0, 16, to), 0);
        assertThat(isZero(to, 512)).isTrue();
        assertThat(isZero(to + 7680, 512)).isTrue();
        assertThat(host.bytes(to + 512, 7168).mismatch(host.bytes(from + 512, 7168))).isEqualTo(-1);
    }

    @Test
    void deallocatesAllRangesOrNone() {
        check(host.transfer(WRITE, 1, 0, 16, from), 0);
        range(to, 0, 0, 1);
        range(to, 1, BLOCKS, 1);
        check(deallocate(2, to), 0x080);
        check(host.transfer(COMPARE, 1, 0, 16, from), 0);
        check(deallocate(2, to).cdw(11, 3), 0);
        for (int i = 0; i < 256; i++) {
            range(to, i, i * 16L, 16);
        }
        check(deallocate(256, to), 0);
        long odd = to + 4096 - 32;
        range(odd, 3, 7, 1);
        check(deallocate(4, odd), 0);
    }

    @Test
    void readsUncorrectableBlocksAsErrorsUntilTheyAreWritten() {
        check(entry(WRITE_UNCORRECTABLE).nsid(1).blocks(10, 4), 0);
        check(host.transfer(READ, 1, 8, 2, to), 0);
        check(host.transfer(READ, 1, 8, 3, to), 0x281);
        check(host.transfer(COMPARE, 1, 13, 1, to), 0x281);
        check(entry(VERIFY).nsid(1).blocks(13, 2), 0x281);
        check(host.transfer(READ, 1, 14, 1, to), 0);
        check(host.transfer(WRITE, 1, 11, 1, from), 0);
        check(host.transfer(READ, 1, 11, 1, to), 0);
        check(host.transfer(READ, 1, 10, 1, to), 0x281);
        check(host.transfer(READ, 1, 12, 1, to), 0x281);
        check(entry(WRITE_ZEROES).nsid(1).blocks(0, 100), 0);
        check(entry(VERIFY).nsid(1).blocks(0, 100), 0);
    }

    // ---- PRPs

    private Entry read(int blocks, long prp1, long prp2) {
        return entry(READ).nsid(1).prp(prp1, prp2).blocks(0, blocks);
    }

    @Test
    void takesOffsetsInTheFirstPage() {
        check(host.transfer(WRITE, 1, 0, 8, from), 0);
        check(read(8, host.address(to + 0x104), host.address(to + 8192)), 0);
        int inFirst = 4096 - 0x104;
        assertThat(host.bytes(to + 0x104, inFirst).mismatch(host.bytes(from, inFirst)))
                .isEqualTo(-1);
        assertThat(host.bytes(to + 8192, 0x104).mismatch(host.bytes(from + inFirst, 0x104)))
                .isEqualTo(-1);
    }

    @Test
    void refusesMisplacedAddresses() {
        check(read(1, host.address(to + 2), 0), 0x013);
        check(read(16, host.address(to), host.address(to + 4096 + 512)), 0x013);
        check(read(24, host.address(to), host.address(from + 4)), 0x013);
        host.set64(from, host.address(to + 4096));
        host.set64(from + 8, host.address(to + 8192 + 4));
        check(read(24, host.address(to), host.address(from)), 0x013);
        assertThat(sim.violations).hasSize(4).allMatch(text -> text.contains("PRP offset"));
    }

    @Test
    void followsLists() {
        check(host.transfer(WRITE, 1, 0, 16, from), 0);
        check(host.transfer(WRITE, 1, 16, 16, from + 8192), 0);
        long list = host.allocate(1) + 512;
        host.set64(list, host.address(to + 3 * 4096));
        host.set64(list + 8, host.address(to + 4096));
        host.set64(list + 16, host.address(to + 2 * 4096));
        check(read(32, host.address(to), host.address(list)), 0);
        assertThat(host.bytes(to, 4096).mismatch(host.bytes(from, 4096))).isEqualTo(-1);
        assertThat(host.bytes(to + 3 * 4096, 4096).mismatch(host.bytes(from + 4096, 4096)))
                .isEqualTo(-1);
        assertThat(host.bytes(to + 4096, 8192).mismatch(host.bytes(from + 8192, 8192)))
                .isEqualTo(-1);
    }

    @Test
    void followsChainedLists() {
        check(host.transfer(WRITE, 1, 0, 16, from), 0);
        check(host.transfer(WRITE, 1, 16, 16, from + 8192), 0);
        long first = host.allocate(1) + 4096 - 16;
        long second = host.allocate(1);
        host.set64(first, host.address(to + 4096));
        host.set64(first + 8, host.address(second));
        host.set64(second, host.address(to + 2 * 4096));
        host.set64(second + 8, host.address(to + 3 * 4096));
        check(read(32, host.address(to), host.address(first)), 0);
        assertThat(host.bytes(to, 16384).mismatch(host.bytes(from, 16384))).isEqualTo(-1);
        host.set64(first + 8, host.address(second + 8));
        check(read(32, host.address(to), host.address(first)), 0x013);
    }

    @Test
    void takesAListEntryAtTheEndOfAPageAsDataWhenItIsTheLast() {
        long list = host.allocate(1) + 4096 - 16;
        host.set64(list, host.address(to + 4096));
        host.set64(list + 8, host.address(to + 8192));
        check(read(24, host.address(to), host.address(list)), 0);
    }

    @Test
    void limitsTransfers() {
        long list = host.allocate(1);
        for (int i = 0; i < 4; i++) {
            host.set64(list + 8L * i, host.address(to + 4096L * i));
        }
        check(read(32, host.address(to), host.address(list)), 0);
        Completion completion = queue.send(read(33, host.address(to), host.address(list)));
        assertThat(completion.status()).isEqualTo(0x002 | 1 << 14);
    }

    @Test
    void touchesNothingWhereItMayNot() {
        check(host.transfer(WRITE, 1, 0, 16, from), 0);
        sim.forbidden = to + 4096;
        check(host.transfer(READ, 1, 0, 16, to), 0x004);
        assertThat(isZero(to, 8192)).isTrue();
        assertThat(sim.refused).isEqualTo(1);
        check(read(24, host.address(to), host.address(to + 4096)), 0x004);
        check(host.transfer(WRITE, 1, 0, 16, to), 0x004);
        sim.forbidden = -1;
        check(host.transfer(COMPARE, 1, 0, 16, from), 0);
    }

    // ---- Order and faults

    @Test
    void completesOutOfOrderAsTheSeedHasIt() {
        int[] order = order("seed=1");
        assertThat(order).isNotEqualTo(order("order=fifo"));
        assertThat(order).isEqualTo(order("seed=1"));
        assertThat(order).isNotEqualTo(order("seed=2"));
        assertThat(order("order=fifo")).isSorted();
    }

    private static int[] order(String option) {
        try (SimAccess other = new SimAccess(option)) {
            ScriptHost script = new ScriptHost(other);
            script.enable();
            Queue pair = script.pair(1, 32, -1);
            for (int i = 0; i < 20; i++) {
                int _ = pair.put(entry(FLUSH).nsid(1).id(i));
            }
            pair.ring();
            return pair.take(20).stream().mapToInt(Completion::id).toArray();
        }
    }

    @Test
    void failsOnMediaErrorsAsOftenAsAsked() {
        String _ = sim.model.fault("media-error", Map.of("lba", "8", "on", "read", "times", "2"));
        check(host.transfer(READ, 1, 0, 8, to), 0);
        check(host.transfer(WRITE, 1, 8, 1, from), 0);
        check(host.transfer(READ, 1, 0, 9, to), 0x281);
        check(host.transfer(READ, 1, 8, 1, to), 0x281);
        check(host.transfer(READ, 1, 8, 1, to), 0);
        String _ = sim.model.fault("media-error", Map.of("on", "write", "times", "0"));
        for (int i = 0; i < 5; i++) {
            check(host.transfer(WRITE, 1, 0, 1, from), 0x280);
        }
        String _ = sim.model.fault("media-error", Map.of("off", "on"));
        check(host.transfer(WRITE, 1, 0, 1, from), 0);
    }

    @ParameterizedTest
    @CsvSource({"id, 0xABCD", "status, 0x6", "head, 0x77"})
    void completesWrongly(String field, String value) {
        String _ = sim.model.fault("completion", Map.of("field", field, "value", value));
        int id = queue.put(entry(FLUSH).nsid(1));
        queue.ring();
        Completion completion = queue.take();
        int wrong = Integer.decode(value);
        assertThat(completion.id()).isEqualTo(field.equals("id") ? wrong : id);
        assertThat(completion.status()).isEqualTo(field.equals("status") ? wrong : 0);
        assertThat(completion.queueHead()).isEqualTo(field.equals("head") ? wrong : 1);
        assertThat(queue.send(entry(FLUSH).nsid(1)).status()).isZero();
    }

    @Test
    void completesWithTheWrongPhase() {
        String _ = sim.model.fault("completion", Map.of("field", "phase"));
        int _ = queue.put(entry(FLUSH).nsid(1));
        queue.ring();
        sim.progress(5);
        assertThat(queue.poll()).isNull();
    }

    @Test
    void takesItsTime() {
        String _ = sim.model.fault("delay", Map.of("us", "500"));
        long before = sim.nanos;
        check(entry(FLUSH).nsid(1), 0);
        assertThat(sim.nanos - before).isBetween(500_000L, 510_000L);
        String _ = sim.model.fault("delay", Map.of("off", "on"));
        before = sim.nanos;
        check(entry(FLUSH).nsid(1), 0);
        assertThat(sim.nanos - before).isLessThan(10_000);
    }

    @Test
    void swallowsCommandsUntilAReset() {
        String _ = sim.model.fault("time-out", Map.of("after", "1", "abort", "off"));
        check(entry(FLUSH).nsid(1), 0);
        int id = queue.put(entry(FLUSH).nsid(1));
        queue.ring();
        sim.progress(50);
        assertThat(queue.poll()).isNull();
        assertThat(host.admin(entry(0x08).cdw(10, 1 | id << 16)).result()).isEqualTo(1);
        check(entry(FLUSH).nsid(1), 0);
        host.disable();
        host.enable();
        queue = host.pair(1, 16, -1);
        check(entry(FLUSH).nsid(1), 0);
    }

    @Test
    void swallowsAdminCommands() {
        String _ = sim.model.fault("admin-stuck", Map.of("opcode", "0x06"));
        int _ = host.admin().put(entry(0x06).prp(host.address(to), 0).cdw(10, 1));
        host.admin().ring();
        sim.progress(50);
        assertThat(host.admin().poll()).isNull();
        assertThat(host.identify(1, 0, to).status()).isZero();
    }

    @Test
    void corruptsIdentifyData() {
        String _ = sim.model.fault("identify", Map.of("offset", "77", "value", "0x42"));
        assertThat(host.identify(1, 0, to).status()).isZero();
        assertThat(host.int32(to + 76) >>> 8 & 0xFF).isEqualTo(0x42);
        String _ = sim.model.fault("identify", Map.of("off", "on"));
        assertThat(host.identify(1, 0, to).status()).isZero();
        assertThat(host.int32(to + 76) >>> 8 & 0xFF).isEqualTo(2);
    }

    @Test
    void neverConfirmsAReset() {
        String _ = sim.model.fault("reset-stuck", Map.of());
        host.write32(ScriptHost.CC, 0);
        sim.progress(10_000);
        assertThat(host.read32(ScriptHost.CSTS)).isEqualTo(1);
        String _ = sim.model.fault("reset-stuck", Map.of("off", "on"));
        assertThat(host.read32(ScriptHost.CSTS)).isZero();
    }
}
