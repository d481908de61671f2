package helix.shell.blk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import helix.block.api.Disk;
import helix.block.api.nbd.NbdExport;
import helix.block.api.nbd.NbdServer;
import helix.shell.CommandFailed;
import helix.shell.FakePlatform;
import helix.shell.GogoShell;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Serving disks from the shell, against a server that only remembers.
final class ServeTest {
    private final List<NbdExport> exports = new ArrayList<>();
    private final FakePlatform platform = FakePlatform.zoo();
    private final GogoShell shell = new GogoShell(platform);

    /// An export that does nothing.
    private record Remembered(
            String name, Disk disk, boolean readOnly, SocketAddress address, List<NbdExport> among)
            implements NbdExport {
        @Override
        public String uri() {
            return "nbd:" + address;
        }

        @Override
        public Statistics statistics() {
            return new Statistics(1, 20, 3, 4096, 8192, 5);
        }

        @Override
        public void close() {
            among.remove(this);
        }
    }

    ServeTest() {
        platform.nbdServer =
                new NbdServer() {
                    @Override
                    public NbdExport serve(
                            Disk disk, SocketAddress address, String name, boolean readOnly) {
                        NbdExport export = new Remembered(name, disk, readOnly, address, exports);
                        exports.add(export);
                        return export;
                    }

                    @Override
                    public List<NbdExport> exports() {
                        return List.copyOf(exports);
                    }
                };
    }

    @AfterEach
    void close() {
        shell.close();
    }

    private SocketAddress address() {
        return ((Remembered) exports.getLast()).address();
    }

    @Test
    void servesListsAndStops() throws Exception {
        assertThat(shell.execute("blk:serve nvme0n1 --nbd unix:/run/x.sock"))
                .isEqualTo("nbd:/run/x.sock\n");
        assertThat(address()).isEqualTo(UnixDomainSocketAddress.of("/run/x.sock"));
        JsonObject served =
                shell.json("serve nvme0n1 --nbd tcp:10809 --name b --read-only --json")
                        .getAsJsonObject();
        assertThat(served.get("name").getAsString()).isEqualTo("b");
        assertThat(served.get("readOnly").getAsBoolean()).isTrue();
        assertThat(shell.execute("blk:serve --list"))
                .contains("nvme0n1  nvme0n1  read-write        1        20       3    4K       8K")
                .contains("b        nvme0n1  read-only");
        JsonArray rows = shell.json("blk:serve --list --json").getAsJsonArray();
        assertThat(rows).hasSize(2);
        assertThat(shell.execute("blk:unserve b")).isEqualTo("b is served no more\n");
        assertThat(shell.execute("blk:serve --stop nvme0n1"))
                .isEqualTo("nvme0n1 is served no more\n");
        assertThat(exports).isEmpty();
        assertThat(shell.json("blk:serve --list --json").getAsJsonArray()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "tcp:10809, 127.0.0.1, 10809",
        "tcp:0, 127.0.0.1, 0",
        "tcp:127.0.0.2:1, 127.0.0.2, 1",
        "tcp:[::1]:7, 0:0:0:0:0:0:0:1, 7"
    })
    void understandsAddresses(String text, String host, int port) throws Exception {
        shell.execute("blk:serve nvme0n1 --nbd '" + text + "'");
        assertThat(address())
                .isInstanceOfSatisfying(
                        InetSocketAddress.class,
                        a -> {
                            assertThat(a.getAddress().getHostAddress()).isEqualTo(host);
                            assertThat(a.getPort()).isEqualTo(port);
                        });
    }

    @ParameterizedTest
    @CsvSource({
        "unix:, expected unix:PATH or tcp:[HOST:]PORT",
        "/run/x, expected unix:PATH or tcp:[HOST:]PORT",
        "tcp:x, port of 0 to 65535",
        "tcp:65536, port of 0 to 65535",
        "tcp::1, port of 0 to 65535"
    })
    void refusesWhatIsNoAddress(String text, String expected) {
        assertThatThrownBy(() -> shell.execute("blk:serve nvme0n1 --nbd '" + text + "'"))
                .isInstanceOf(CommandFailed.class)
                .hasMessageContaining(expected)
                .hasMessageNotContaining("\n");
    }

    @Test
    void saysWhatIsMissing() {
        assertThatThrownBy(() -> shell.execute("blk:serve nvme0n1"))
                .hasMessageStartingWith("serve what, and where?");
        assertThatThrownBy(() -> shell.execute("blk:serve --nbd tcp:1"))
                .hasMessageStartingWith("serve what, and where?");
        assertThatThrownBy(() -> shell.execute("blk:serve sda --nbd tcp:1"))
                .hasMessage("no disk 'sda' (known: nvme0n1)");
        assertThatThrownBy(() -> shell.execute("blk:unserve x"))
                .hasMessage("no export 'x' (there is none)");
        platform.nbdServer = null;
        assertThatThrownBy(() -> shell.execute("blk:serve --list"))
                .hasMessage("no NBD server: bundle helix.block.nbd is not active");
    }
}
