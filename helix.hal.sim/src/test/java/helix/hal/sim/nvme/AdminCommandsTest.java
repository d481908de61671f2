package helix.hal.sim.nvme;

import static helix.hal.sim.nvme.ScriptHost.entry;
import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.sim.nvme.ScriptHost.Completion;
import helix.hal.sim.nvme.ScriptHost.Queue;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Identify, features, log pages, events, Abort and Format NVM. Base 2.0, section 5.
class AdminCommandsTest {
    private final SimAccess sim = new SimAccess("namespaces=3", "serial=S1", "queues=4");
    private final ScriptHost host = new ScriptHost(sim);
    private long page;

    @BeforeEach
    void enable() {
        host.enable();
        page = host.allocate(4);
    }

    @AfterEach
    void noViolations() {
        assertThat(sim.violations).isEmpty();
        sim.close();
    }

    private String text(long offset, int length) {
        return new String(
                        host.bytes(page + offset, length).toArray(ValueLayout.JAVA_BYTE),
                        StandardCharsets.US_ASCII)
                .strip();
    }

    private int byteAt(long offset) {
        return host.bytes(page + offset, 1).get(ValueLayout.JAVA_BYTE, 0) & 0xFF;
    }

    // ---- Identify

    @Test
    void identifiesItself() {
        assertThat(host.identify(1, 0, page).status()).isZero();
        assertThat(text(4, 20)).isEqualTo("S1");
        assertThat(byteAt(77)).as("MDTS").isEqualTo(7);
        assertThat(host.int32(page + 80)).as("VER").isEqualTo(0x00020000);
        assertThat(byteAt(512)).as("SQES").isEqualTo(0x66);
        assertThat(byteAt(513)).as("CQES").isEqualTo(0x44);
        assertThat(host.int32(page + 516)).as("NN").isEqualTo(3);
        assertThat(byteAt(525)).as("VWC").isEqualTo(7);
        assertThat(text(768, 4)).isEqualTo("nqn.");
    }

    @Test
    void identifiesNamespaces() {
        assertThat(host.identify(0, 2, page).status()).isZero();
        long blocks = (16 << 20) / 3 / 4096 * 8L;
        assertThat(host.int64(page)).as("NSZE").isEqualTo(blocks);
        assertThat(byteAt(25)).as("NLBAF").isEqualTo(1);
        assertThat(host.int32(page + 128) >>> 16 & 0xFF).as("LBADS").isEqualTo(9);
        assertThat(host.int32(page + 132) >>> 16 & 0xFF).as("LBADS").isEqualTo(12);
    }

    @ParameterizedTest
    @CsvSource({
        "0x00, 0, 0x00B",
        "0x00, 4, 0x00B",
        "0x00, -1, 0x00B",
        "0x02, -1, 0x00B",
        "0x02, -2, 0x00B",
        "0x02, 3, 0x000",
        "0x03, 0, 0x00B",
        "0x03, 1, 0x000",
        "0x05, 1, 0x000",
        "0x06, 0, 0x000",
        "0x07, 0, 0x000",
        "0x08, 1, 0x000",
        "0x10, 0, 0x000",
        "0x11, 1, 0x000",
        "0x11, 9, 0x00B",
        "0x12, 1, 0x000",
        "0x12, 9, 0x00B",
        "0x12, -1, 0x002",
        "0x13, 0, 0x000",
        "0x1C, 0, 0x000",
        "0x09, 0, 0x002",
        "0xFF, 0, 0x002",
    })
    void answersEachStructure(String cns, int nsid, String status) {
        Completion completion = host.identify(Integer.decode(cns), nsid, page);
        assertThat(completion.code()).isEqualTo(Integer.decode(status));
        assertThat(completion.doNotRetry()).isEqualTo(completion.code() != 0);
    }

    @Test
    void listsNamespacesAfterOne() {
        assertThat(host.identify(2, 1, page).status()).isZero();
        assertThat(host.int32(page)).isEqualTo(2);
        assertThat(host.int32(page + 4)).isEqualTo(3);
        assertThat(host.int32(page + 8)).isZero();
    }

    @Test
    void namesNamespaces() {
        assertThat(host.identify(3, 2, page).status()).isZero();
        assertThat(byteAt(0)).isEqualTo(1);
        assertThat(byteAt(1)).isEqualTo(8);
        assertThat(byteAt(12)).isEqualTo(2);
        assertThat(byteAt(13)).isEqualTo(16);
        assertThat(byteAt(32)).isEqualTo(4);
        assertThat(byteAt(36)).as("CSI").isZero();
        assertThat(byteAt(37)).as("end").isZero();
    }

    @Test
    void showsAnInactiveNamespaceAsZeroes() {
        String _ = sim.model.fault("namespace", Map.of("nsid", "2", "state", "gone"));
        assertThat(host.identify(0, 2, page).status()).isZero();
        assertThat(host.int64(page)).isZero();
        assertThat(host.identify(0x11, 2, page).status()).isZero();
        assertThat(host.int64(page)).isNotZero();
        assertThat(host.identify(5, 2, page).status()).isZero();
        assertThat(host.identify(8, 2, page).status()).isZero();
        assertThat(host.int64(page + 8)).as("NSTAT").isZero();
        assertThat(host.identify(3, 2, page).code()).isEqualTo(0x002);
        assertThat(host.identify(2, 0, page).status()).isZero();
        assertThat(host.int32(page + 4)).isEqualTo(3);
        assertThat(host.pair(1, 16, -1).send(entry(0).nsid(2)).code()).isEqualTo(0x002);
    }

    // ---- Features

    private Completion get(int feature, int select, int cdw11) {
        return host.admin(
                entry(0x0A)
                        .prp(host.address(page), 0)
                        .cdw(10, feature | select << 8)
                        .cdw(11, cdw11));
    }

    private Completion set(int feature, int value) {
        return host.admin(entry(0x09).prp(host.address(page), 0).cdw(10, feature).cdw(11, value));
    }

    @ParameterizedTest
    @CsvSource({
        "0x01, 0x01020304, 7",
        "0x06, 0, 1",
        "0x08, 0x0503, 0",
        "0x0A, 1, 0",
        "0x0B, 0x11F, 0",
    })
    void keepsFeatures(String feature, String value, int initial) {
        int id = Integer.decode(feature);
        assertThat(get(id, 0, 0).result()).isEqualTo(initial);
        assertThat(set(id, Integer.decode(value)).status()).isZero();
        assertThat(get(id, 0, 0).result()).isEqualTo(Integer.decode(value).longValue());
        assertThat(get(id, 1, 0).result()).as("default").isEqualTo(initial);
        assertThat(get(id, 3, 0).result()).as("changeable").isEqualTo(4);
        host.disable();
        host.enable();
        assertThat(get(id, 0, 0).result()).as("after a reset").isEqualTo(initial);
    }

    @ParameterizedTest
    @CsvSource({
        "0x00, 0, 0x002", // reserved
        "0x03, 0, 0x002", // LBA range type
        "0x0F, 0, 0x002", // keep alive timer
        "0x02, 1, 0x002", // no such power state
        "0x04, 0x10123, 0x002", // no such sensor
        "0x04, 0x123, 0x000",
        "0x07, 0xFFFF0000, 0x002",
        "0x07, 0x0000FFFF, 0x002",
        "0x09, 0x5, 0x002", // no such vector
        "0x09, 0x10001, 0x000",
        "0x19, 1, 0x12B",
        "0x19, 0, 0x000",
    })
    void checksFeatures(String feature, String value, String status) {
        Completion completion = set(Integer.decode(feature), (int) (long) Long.decode(value));
        assertThat(completion.code()).isEqualTo(Integer.decode(status));
    }

    @Test
    void givesQueuesBeforeAnyIsCreated() {
        assertThat(set(7, 0x00010001).result()).isEqualTo(0x00030003);
        Queue _ = host.pair(1, 16, -1);
        assertThat(set(7, 0x00010001).code()).isEqualTo(0x00C);
        assertThat(get(7, 0, 0).result()).isEqualTo(0x00030003);
    }

    @Test
    void savesNothing() {
        assertThat(host.admin(entry(0x09).cdw(10, 1 << 31 | 1)).code()).isEqualTo(0x10D);
    }

    @Test
    void knowsWhichFeaturesAreOfNamespaces() {
        assertThat(host.admin(entry(0x09).nsid(1).cdw(10, 6)).code()).isEqualTo(0x10F);
        assertThat(host.admin(entry(0x09).nsid(9).cdw(10, 6)).code()).isEqualTo(0x00B);
        assertThat(host.admin(entry(0x09).nsid(1).cdw(10, 5).cdw(11, 9)).status()).isZero();
        assertThat(host.admin(entry(0x0A).nsid(1).cdw(10, 5)).result()).isEqualTo(9);
        assertThat(host.admin(entry(0x0A).nsid(2).cdw(10, 5)).result()).isZero();
        assertThat(host.admin(entry(0x0A).nsid(9).cdw(10, 5)).code()).isEqualTo(0x00B);
        assertThat(host.admin(entry(0x09).nsid(1).cdw(10, 5).cdw(11, 1 << 16)).code())
                .isEqualTo(0x002);
    }

    @Test
    void keepsTime() {
        assertThat(get(0x0E, 0, 0).status()).isZero();
        assertThat(host.int64(page) >>> 48).as("origin").isZero();
        host.set64(page, 1_000_000);
        assertThat(set(0x0E, 0).status()).isZero();
        sim.nanos += 5_000_000;
        assertThat(get(0x0E, 0, 0).status()).isZero();
        assertThat(host.int64(page) & 0xFFFFFFFFFFFFL).isBetween(1_000_005L, 1_000_007L);
        assertThat(host.int64(page) >>> 49 & 7).as("origin").isEqualTo(1);
    }

    @Test
    void hasNoCacheToSwitchWithoutOne() {
        try (SimAccess plain = new SimAccess("vwc=off")) {
            ScriptHost other = new ScriptHost(plain);
            other.enable();
            assertThat(other.admin(entry(0x09).cdw(10, 6).cdw(11, 1)).code()).isEqualTo(0x002);
            assertThat(other.admin(entry(0x0A).cdw(10, 6)).code()).isEqualTo(0x002);
        }
    }

    // ---- Log pages

    private Completion log(int page, int bytes, long offset, int nsid) {
        return host.admin(
                entry(0x02)
                        .nsid(nsid)
                        .prp(host.address(this.page), host.address(this.page + 4096))
                        .cdw(10, page | ((bytes / 4 - 1) << 16))
                        .cdw(12, (int) offset));
    }

    @ParameterizedTest
    @CsvSource({
        "0x00, 1024, 0, 0, 0x000",
        "0x01, 64, 0, -1, 0x000",
        "0x02, 512, 0, -1, 0x000",
        "0x02, 512, 0, 0, 0x000",
        "0x02, 512, 0, 1, 0x002", // not per namespace
        "0x03, 512, 0, 0, 0x000",
        "0x04, 4096, 0, 0, 0x000",
        "0x05, 4096, 0, 0, 0x000",
        "0x12, 1024, 0, 0, 0x000",
        "0x06, 512, 0, 0, 0x002", // known and not supported
        "0xC0, 512, 0, 0, 0x002",
        "0x17, 512, 0, 0, 0x109", // reserved
        "0x6F, 512, 0, 0, 0x109",
        "0x71, 512, 0, 0, 0x109",
        "0x02, 4, 2, 0, 0x002",
        "0x02, 4, 516, 0, 0x002",
        "0x02, 4, 512, 0, 0x000",
    })
    void answersEachLogPage(String log, int bytes, long offset, int nsid, String status) {
        assertThat(log(Integer.decode(log), bytes, offset, nsid).code())
                .isEqualTo(Integer.decode(status));
    }

    @Test
    void countsHealth() {
        Queue queue = host.pair(1, 16, -1);
        long data = host.allocate(2);
        for (int i = 0; i < 3; i++) {
            assertThat(queue.send(host.transfer(1, 1, 0, 8, data)).status()).isZero();
        }
        assertThat(queue.send(host.transfer(2, 1, 0, 8, data)).status()).isZero();
        assertThat(log(2, 512, 0, 0).status()).isZero();
        assertThat(host.int64(page + 64)).as("host reads").isEqualTo(1);
        assertThat(host.int64(page + 80)).as("host writes").isEqualTo(3);
        assertThat(host.int64(page + 112)).as("power cycles").isEqualTo(1);
        assertThat(host.int32(page) >>> 8 & 0xFFFF).as("temperature").isEqualTo(313);
    }

    @Test
    void readsPartsOfALogPage() {
        assertThat(log(3, 8, 8, 0).status()).isZero();
        assertThat(text(0, 8)).isEqualTo("1.0");
    }

    @Test
    void remembersErrors() {
        Queue queue = host.pair(1, 16, -1);
        String _ = sim.model.fault("media-error", Map.of("lba", "5"));
        Completion failed = queue.send(host.transfer(2, 1, 0, 8, page));
        assertThat(failed.code()).isEqualTo(0x281);
        assertThat(log(1, 128, 0, 0).status()).isZero();
        assertThat(host.int64(page)).as("error count").isEqualTo(1);
        assertThat(host.int32(page + 8)).isEqualTo(1 | failed.id() << 16);
        assertThat(host.int32(page + 12) >>> 1 & 0x7FF).isEqualTo(0x281);
        assertThat(host.int64(page + 64)).as("further entries").isZero();
    }

    // ---- Events, Abort, others

    @Test
    void tellsOfNamespacesOnce() {
        assertThat(set(0x0B, 1 << 8).status()).isZero();
        int request = host.admin().put(entry(0x0C));
        host.admin().ring();
        sim.progress(3);
        assertThat(host.admin().poll()).isNull();

        String _ = sim.model.fault("namespace", Map.of("nsid", "2", "state", "gone"));
        Completion event = host.admin().take();
        assertThat(event.id()).isEqualTo(request);
        assertThat(event.result()).isEqualTo(0x040002);

        int again = host.admin().put(entry(0x0C));
        host.admin().ring();
        String _ = sim.model.fault("namespace", Map.of("nsid", "2", "state", "there"));
        sim.progress(3);
        assertThat(host.admin().poll()).as("masked until the log is read").isNull();
        int _ = host.admin().put(entry(2).prp(host.address(page), 0).cdw(10, 1023 << 16 | 4));
        host.admin().ring();
        var both = host.admin().take(2);
        assertThat(both).extracting(Completion::id).contains(again);
        assertThat(host.int32(page)).isEqualTo(2);
        assertThat(host.int32(page + 4)).isZero();
    }

    @Test
    void limitsEventRequests() {
        for (int i = 0; i < 5; i++) {
            int _ = host.admin().put(entry(0x0C).id(100 + i));
        }
        host.admin().ring();
        assertThat(host.admin().take().code()).isEqualTo(0x105);
        sim.progress(3);
        assertThat(host.admin().poll()).isNull();
    }

    @Test
    void warnsOfHeatWhenAsked() {
        assertThat(set(0x0B, 2).status()).isZero();
        int _ = host.admin().put(entry(0x0C));
        host.admin().ring();
        String _ = sim.model.fault("hot", Map.of("kelvin", "350"));
        assertThat(host.admin().take().result()).isEqualTo(0x020101);
        assertThat(log(2, 512, 0, 0).status()).isZero();
        assertThat(byteAt(0)).as("critical warning").isEqualTo(2);
    }

    @Test
    void abortsWhatIsThere() {
        Queue queue = host.pair(1, 16, -1);
        String _ = sim.model.fault("time-out", Map.of());
        int id = queue.put(entry(0).nsid(1));
        queue.ring();
        sim.progress(2);

        Completion aborted = host.admin(entry(0x08).cdw(10, 1 | id << 16));
        assertThat(aborted.status()).isZero();
        assertThat(aborted.result()).isZero();
        Completion ended = queue.take();
        assertThat(ended.id()).isEqualTo(id);
        assertThat(ended.code()).isEqualTo(0x007);
        assertThat(host.admin(entry(0x08).cdw(10, 1 | id << 16)).result()).isEqualTo(1);
        assertThat(host.admin(entry(0x08).cdw(10, 9)).code()).isEqualTo(0x002);
    }

    @Test
    void abortsEventRequests() {
        int id = host.admin().put(entry(0x0C));
        host.admin().ring();
        sim.progress(2);
        int abort = host.admin().put(entry(0x08).cdw(10, id << 16));
        host.admin().ring();
        var ended = host.admin().take(2);
        assertThat(ended).extracting(Completion::id).containsExactly(id, abort);
        assertThat(ended.getFirst().code()).isEqualTo(0x007);
    }

    @Test
    void formats() {
        Queue queue = host.pair(1, 16, -1);
        host.fill(page, 4096, 9);
        assertThat(queue.send(host.transfer(1, 2, 0, 8, page)).status()).isZero();
        assertThat(host.admin(entry(0x80).nsid(2).cdw(10, 1)).status()).isZero();
        assertThat(queue.send(host.transfer(2, 2, 0, 1, page)).status()).isZero();
        assertThat(host.int64(page)).as("reads zeroes").isZero();
        assertThat(host.identify(0, 2, page).status()).isZero();
        assertThat(byteAt(26)).as("FLBAS").isEqualTo(1);
        assertThat(host.int64(page)).isEqualTo((16 << 20) / 3 / 4096);
        assertThat(host.identify(0, 1, page).status()).isZero();
        assertThat(byteAt(26)).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "1, 2, 0x10A", // no such format
        "1, 0x1000, 0x10A", // LBAFU
        "1, 0x20, 0x10A", // protection information
        "1, 0x400, 0x002", // cryptographic erase
        "9, 0, 0x00B",
        "-1, 0x200, 0x000",
    })
    void checksFormat(int nsid, String cdw10, String status) {
        assertThat(host.admin(entry(0x80).nsid(nsid).cdw(10, Integer.decode(cdw10))).code())
                .isEqualTo(Integer.decode(status));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x03, 0x0D, 0x10, 0x14, 0x18, 0x81, 0xC0, 0xFF})
    void refusesOtherCommands(int opcode) {
        Completion completion = host.admin(entry(opcode));
        assertThat(completion.status()).isEqualTo(0x001 | 1 << 14);
    }

    @Test
    void takesNoScatterGatherLists() {
        assertThat(host.admin(entry(6).flags(0x40).prp(host.address(page), 0).cdw(10, 1)).code())
                .isEqualTo(0x002);
    }
}
