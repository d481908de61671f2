package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DriverRequestsTest {
    private final Fixture f = new Fixture();

    @BeforeEach
    void begin() {
        FakeNamespace zoned = new FakeNamespace(10, 9);
        zoned.commandSet = 2;
        f.commands.namespaces.put(2, zoned);
        f.start();
    }

    @AfterEach
    void end() {
        f.close();
    }

    private Object ask(String name, Map<String, Object> arguments) {
        return f.driver.handleRequest(new Request(name, arguments));
    }

    @SuppressWarnings("unchecked")
    private Map<String, Object> map(String name, Map<String, Object> arguments) {
        return (Map<String, Object>) ask(name, arguments);
    }

    @SuppressWarnings("unchecked")
    private List<Map<String, Object>> list(String name, Map<String, Object> arguments) {
        return (List<Map<String, Object>>) ask(name, arguments);
    }

    @Test
    void idCtrlIsTheIdentifyControllerStructure() {
        assertThat(map("id-ctrl", Map.of()))
                .containsEntry("vid", 0x1b36L)
                .containsEntry("sn", "FAKE0001")
                .containsEntry("mn", "Helix fake controller")
                .containsEntry("mdts", 7L)
                .containsEntry("nn", 256L)
                .containsEntry("subnqn", "nqn.2026-01.fake");
    }

    @Test
    void idNsIsTheIdentifyNamespaceStructure() {
        assertThat(map("id-ns", Map.of("nsid", 1)))
                .containsEntry("nsze", 65536L)
                .containsEntry("flbas", 1L)
                .containsEntry(
                        "lbafs",
                        List.of(
                                Map.of("ms", 0L, "lbads", 9L, "rp", 0L),
                                Map.of("ms", 0L, "lbads", 9L, "rp", 0L)));
        assertThatThrownBy(() -> ask("id-ns", Map.of()))
                .isInstanceOf(ModuleError.class)
                .hasMessage("id-ns needs nsid");
        assertThatThrownBy(() -> ask("id-ns", Map.of("nsid", "x"))).isInstanceOf(ModuleError.class);
    }

    @Test
    void listNsNamesDevicesAndRefusals() {
        assertThat(list("list-ns", Map.of()))
                .containsExactly(
                        Map.of("nsid", 1L, "name", "nvme0n1", "nsze", 65536L, "block_size", 512L),
                        Map.of(
                                "nsid",
                                2L,
                                "refused",
                                "its command set is zoned namespaces (CSI 2)"));
    }

    @Test
    void smartLogHasItsWideCounters() {
        assertThat(map("smart-log", Map.of()))
                .containsEntry("temperature", 323L)
                .containsEntry("available_spare", 100L)
                .containsEntry("data_units_read", 1000L)
                .containsEntry(
                        "data_units_written", BigInteger.TWO.pow(65).subtract(BigInteger.ONE));
    }

    @Test
    void errorLogHasAsManyEntriesAsAskedForAndThereAre() {
        assertThat(list("error-log", Map.of())).hasSize(4);
        assertThat(list("error-log", Map.of("entries", 2))).hasSize(2);
        assertThat(list("error-log", Map.of("entries", 1)).getFirst())
                .containsEntry("error_count", 7L)
                .containsEntry("lba", 1234L);
        assertThatThrownBy(() -> ask("error-log", Map.of("entries", 0)))
                .isInstanceOf(ModuleError.class);
    }

    @Test
    void fwLogNamesTheSlots() {
        assertThat(map("fw-log", Map.of())).containsEntry("afi", 1L).containsEntry("frs1", "1.0");
    }

    @Test
    void mmioRoundTripTakesTheMedianOfAsManyReadsAsAskedFor() {
        int before = f.nvme.mmioAccesses;
        assertThat(map("mmio-round-trip", Map.of("count", 5)))
                .containsOnlyKeys("count", "medianNanos")
                .containsEntry("count", 5L)
                .hasEntrySatisfying(
                        "medianNanos", nanos -> assertThat((Long) nanos).isNotNegative());
        assertThat(f.nvme.mmioAccesses - before).isEqualTo(5);
        for (int count : new int[] {0, 100_001}) {
            assertThatThrownBy(() -> ask("mmio-round-trip", Map.of("count", count)))
                    .isInstanceOf(ModuleError.class)
                    .hasMessage("mmio-round-trip: count=" + count + " is not in 1..100000");
        }
    }

    @Test
    void unknownRequestsAreRefusedWithTheKnownOnes() {
        assertThatThrownBy(() -> ask("format", Map.of()))
                .isInstanceOf(ModuleError.class)
                .hasMessageContaining("no request 'format'")
                .hasMessageContaining("id-ctrl");
    }
}
