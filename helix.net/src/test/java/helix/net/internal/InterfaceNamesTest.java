package helix.net.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Device;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InterfaceNamesTest {
    private static final long FIRST = 0x525400000001L;
    private static final long SECOND = 0x525400000002L;
    private static final long THIRD = 0x525400000003L;

    @TempDir private Path conf;
    private final List<StableInterface> published = new ArrayList<>();

    private InterfaceTable instance(@Nullable Path folder) {
        published.clear();
        return new InterfaceTable(
                published::add, new InterfaceNames(folder), Duration.ofSeconds(1));
    }

    private static void serve(InterfaceTable table, long mac, int number) {
        String slot = "0000:00:%02x.0".formatted(4 + number);
        table.deviceAdded(slot);
        table.added(
                new NetBackend(
                        new FakeNic(mac).generation(),
                        Map.of(Device.ID, slot, "module.name", "vnet" + number)));
    }

    private String name(long mac) {
        return published.stream()
                .filter(f -> f.macAddress() == mac)
                .findFirst()
                .orElseThrow()
                .name();
    }

    @Test
    void namesGoByAddressWhateverDriverIsReadyFirst() {
        InterfaceTable table = instance(null);
        serve(table, SECOND, 1);
        serve(table, FIRST, 0);
        assertThat(name(FIRST)).isEqualTo("net0");
        assertThat(name(SECOND)).isEqualTo("net1");
    }

    @Test
    void modulesOfTwoKindsWithOneNumberDoNotShareAName() {
        InterfaceTable table = instance(null);
        serve(table, SECOND, 1);
        serve(table, FIRST, 1);
        assertThat(name(SECOND)).isEqualTo("net1");
        assertThat(name(FIRST)).isEqualTo("net0");
    }

    @Test
    void aCardHasItsNameAfterARestartAlsoWithAnotherBeforeIt() {
        InterfaceTable table = instance(conf);
        serve(table, FIRST, 0);
        serve(table, SECOND, 1);
        table.close();

        InterfaceTable next = instance(conf);
        serve(next, THIRD, 0);
        serve(next, FIRST, 1);
        serve(next, SECOND, 2);
        assertThat(name(FIRST)).isEqualTo("net0");
        assertThat(name(SECOND)).isEqualTo("net1");
        assertThat(name(THIRD)).isEqualTo("net2");
    }

    @Test
    void aFileThatCannotBeReadIsNoObstacle() throws Exception {
        Files.writeString(conf.resolve(InterfaceNames.FILE), "a=net0\nb=net0\nc=\\u00zz\n");
        InterfaceTable table = instance(conf);
        serve(table, FIRST, 0);
        assertThat(name(FIRST)).startsWith("net");
    }

    @Test
    void oneNameForTwoIsGivenToOne() throws Exception {
        Files.writeString(
                conf.resolve(InterfaceNames.FILE),
                "52\\:54\\:00\\:00\\:00\\:01=net5\n52\\:54\\:00\\:00\\:00\\:02=net5\n");
        InterfaceTable table = instance(conf);
        serve(table, FIRST, 0);
        serve(table, SECOND, 1);
        assertThat(List.of(name(FIRST), name(SECOND))).contains("net5").doesNotHaveDuplicates();
    }
}
