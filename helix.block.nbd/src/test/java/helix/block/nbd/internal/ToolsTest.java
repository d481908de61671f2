package helix.block.nbd.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.nbd.NbdExport;
import java.lang.foreign.MemorySegment;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What other people's clients make of the server.
final class ToolsTest {
    private static final int SIZE = 24 << 20;

    @TempDir private Path folder;
    private final TestDisk disk = new TestDisk(SIZE);
    private final Server server = new Server();
    private NbdExport export;
    private String uri;
    private Path image;
    private byte[] pattern;

    @BeforeEach
    void serve() throws Exception {
        export =
                server.serve(
                        disk,
                        UnixDomainSocketAddress.of(folder.resolve("disk.sock")),
                        "nvme0n1",
                        false);
        uri = export.uri();
        pattern = new byte[SIZE];
        new Random(7).nextBytes(pattern);
        image = Files.write(folder.resolve("image"), pattern);
    }

    @AfterEach
    void close() {
        server.close();
        assertThat(disk.device.buffersInUse()).isZero();
        assertThat(disk.device.queuesOpen()).isZero();
        assertThat(disk.users).isEmpty();
    }

    private byte[] contents() {
        return disk.contents().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }

    @Test
    void qemuImgConvertsAndCompares() throws Exception {
        String file = image.toString();
        Tool.run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", file, uri);
        assertThat(contents()).isEqualTo(pattern);
        Tool.run("qemu-img", "compare", "-f", "raw", "-F", "raw", file, uri);
        Path back = folder.resolve("back");
        Tool.run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, back.toString());
        assertThat(back).hasBinaryContent(pattern);
        assertThat(export.statistics().errors()).isZero();
    }

    @Test
    void qemuIoWritesZeroesDiscardsFlushesAndDoesOddSizes() throws Exception {
        MemorySegment.copy(MemorySegment.ofArray(pattern), 0, disk.contents(), 0, SIZE);
        String out =
                Tool.run(
                        "qemu-io",
                        "-f",
                        "raw",
                        "-c",
                        "write -P 0x5a 1M 64k",
                        "-c",
                        "write -f -P 0x5b 2M 4k",
                        "-c",
                        "write -z 3M 1M",
                        "-c",
                        "discard 8M 1M",
                        "-c",
                        "flush",
                        "-c",
                        "read -P 0x5a 1M 64k",
                        "-c",
                        "read -P 0 3M 1M",
                        "-c",
                        "write -P 0x77 777 1111",
                        "-c",
                        "read -P 0x77 777 1111",
                        uri);
        assertThat(out).doesNotContain("rror").doesNotContain("verification failed");
        byte[] expected = pattern.clone();
        java.util.Arrays.fill(expected, 1 << 20, (1 << 20) + (64 << 10), (byte) 0x5a);
        java.util.Arrays.fill(expected, 2 << 20, (2 << 20) + 4096, (byte) 0x5b);
        java.util.Arrays.fill(expected, 3 << 20, 4 << 20, (byte) 0);
        java.util.Arrays.fill(expected, 8 << 20, 9 << 20, (byte) 0);
        java.util.Arrays.fill(expected, 777, 777 + 1111, (byte) 0x77);
        assertThat(contents()).isEqualTo(expected);
        assertThat(disk.flushes).isPositive();
    }

    @Test
    void nbdinfoSeesWhatIsOffered() throws Exception {
        String json = Tool.run("nbdinfo", "--json", uri);
        assertThat(json)
                .contains("\"export-name\": \"nvme0n1\"")
                .contains("\"export-size\": " + SIZE)
                .contains("\"is_read_only\": false")
                .contains("\"can_multi_conn\": true")
                .contains("\"can_flush\": true")
                .contains("\"can_fua\": true")
                .contains("\"can_trim\": true")
                .contains("\"can_zero\": true")
                .contains("\"can_df\": true")
                .contains("\"block_size_minimum\": 512")
                .contains("\"block_size_maximum\": 33554432")
                .contains("base:allocation")
                .contains("\"structured\": true");
        assertThat(Tool.run("nbdinfo", "--list", uri)).contains("nvme0n1");
        assertThat(Tool.run("nbdinfo", "--map", uri)).contains("data");
    }

    @Test
    void nbdcopyCopiesOverManyConnections() throws Exception {
        Tool.run("nbdcopy", "--connections=4", image.toString(), uri);
        assertThat(contents()).isEqualTo(pattern);
        Path back = folder.resolve("back");
        Tool.run("nbdcopy", "--connections=4", uri, back.toString());
        assertThat(back).hasBinaryContent(pattern);
    }

    @Test
    void fioVerifiesWhatItWrote() throws Exception {
        Tool.run(
                "fio",
                "--name=nbd",
                "--ioengine=nbd",
                "--uri=" + uri,
                "--rw=randwrite",
                "--bs=4k",
                "--iodepth=16",
                "--size=16m",
                "--verify=crc32c",
                "--verify_state_save=0",
                "--verify_fatal=1");
        assertThat(export.statistics().errors()).isZero();
    }
}
