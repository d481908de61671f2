package helix.shell.blk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import helix.block.api.Disk;
import helix.shell.CommandFailed;
import helix.shell.FakePlatform;
import helix.shell.FakePlatform.FakeBinder;
import helix.shell.GogoShell;
import helix.shell.Output;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/// The commands of scope `blk` through the real Gogo, on a disk in memory of 2 MiB.
final class DiskCommandsTest {
    private static final int SIZE = 4096 * 512;

    private final FakePlatform platform = FakePlatform.zoo();
    private final MemoryDisk disk = new MemoryDisk();
    private final GogoShell shell = new GogoShell(platform);

    @TempDir private Path folder;

    @BeforeEach
    void plug() {
        platform.disks.clear();
        platform.disks.add(disk);
        shell.session().currentDir(folder);
    }

    @AfterEach
    void close() {
        assertThat(disk.users).as("what was opened is closed").isEmpty();
        shell.close();
    }

    private byte[] randomFile(String name, int size) throws Exception {
        byte[] bytes = new byte[size];
        new Random(1).nextBytes(bytes);
        Files.write(folder.resolve(name), bytes);
        return bytes;
    }

    @Test
    void whatIsWrittenFromAFileIsReadBackIntoOne() throws Exception {
        byte[] bytes = randomFile("in", SIZE);
        assertThat(shell.execute("blk:write nvme0n1 --in in"))
                .matches("2097152 bytes written to nvme0n1 in [0-9.]+ s \\(.*/s\\)\n");
        JsonObject moved = shell.json("blk:read nvme0n1 --out out --json").getAsJsonObject();
        assertThat(moved.get("bytes").getAsLong()).isEqualTo(SIZE);
        assertThat(folder.resolve("out")).hasBinaryContent(bytes);
    }

    @Test
    void aPartIsReadAndWrittenAtAnOffset() throws Exception {
        byte[] bytes = randomFile("in", 1000);
        shell.execute("blk:write nvme0n1 --in in --offset 64k");
        shell.execute("blk:read nvme0n1 --out out --lba 128 --bytes 1000");
        assertThat(folder.resolve("out")).hasBinaryContent(bytes);
    }

    @Test
    void aShorterCopyReplacesALongerFile() throws Exception {
        randomFile("out", 5000);
        shell.execute("blk:read nvme0n1 --out out --bytes 512");
        assertThat(folder.resolve("out")).hasSize(512);
    }

    @Test
    void withoutAFileBytesAreShown() throws Exception {
        Files.writeString(folder.resolve("in"), "Helix ".repeat(100));
        shell.execute("blk:write nvme0n1 --in in");
        assertThat(shell.execute("blk:read nvme0n1 --bytes 20"))
                .isEqualTo(
                        """
                        00000000  48 65 6c 69 78 20 48 65 6c 69 78 20 48 65 6c 69  |Helix Helix Heli|
                        00000010  78 20 48 65                                      |x He|
                        """);
        JsonObject shown =
                shell.json("blk:read nvme0n1 --offset 6 --bytes 5 --json").getAsJsonObject();
        assertThat(shown.get("data").getAsString()).isEqualTo("48656c6978");
        assertThat(shell.execute("blk:read nvme0n1 --lba 4095").lines()).hasSize(32);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "blk:write nvme1n1 --in in | no disk 'nvme1n1' (known: nvme0n1)",
                "blk:write nvme0n1 --in none | none: no such file or directory",
                "blk:write nvme0n1 --in . | . is no regular file",
                "blk:write nvme0n1 --in big | big has 2097153 bytes, nvme0n1 only 2097152 from offset 0 on",
                "blk:write nvme0n1 --in in --offset 2M | offset 2097152 is beyond the end of nvme0n1 (2097152 bytes)",
                "blk:read nvme0n1 --lba 4096 | block 4096 is beyond the end of nvme0n1 (4096 blocks)",
                "blk:read nvme0n1 --out x --offset 1M --bytes 2M | 2097152 bytes at offset 1048576 end beyond the end of nvme0n1 (2097152 bytes)",
                "blk:read nvme0n1 --bytes 1M | 1048576 bytes are too many to show; send them to a file with --out",
                "blk:read nvme0n1 --out none/x | none/x: no such file or directory",
                "blk:fill nvme0n1 --bytes 1000 | --bytes 1000 is no multiple of the block size 512 of nvme0n1",
                "blk:bench nvme0n1 --seconds NaN | --seconds NaN is no time to measure for",
                "blk:stat nvme1n1 | no disk 'nvme1n1' (known: nvme0n1)"
            })
    void badInputIsOneLineBeforeAnythingIsWritten(String line, String message) throws Exception {
        randomFile("in", 512);
        randomFile("big", SIZE + 1);
        assertThatThrownBy(() -> shell.execute(line))
                .isInstanceOf(CommandFailed.class)
                .hasMessageEndingWith(message)
                .hasMessageNotContaining("\n");
        assertThat(folder.resolve("x")).doesNotExist();
        assertThat(shell.json("blk:read nvme0n1 --json --bytes 16").toString())
                .contains("0".repeat(32));
    }

    @Test
    void wrongWordsNameTheCommand() {
        assertThatThrownBy(() -> shell.execute("blk:write nvme0n1"))
                .hasMessageStartingWith("blk:write: Missing required option: '--in=<file>'");
        assertThatThrownBy(() -> shell.execute("blk:read nvme0n1 --bytes many"))
                .hasMessageContaining("'many' is no size");
        assertThatThrownBy(() -> shell.execute("blk:bench nvme0n1 --rw sideways"))
                .hasMessageContaining("sideways is none of randread, randwrite");
    }

    @Test
    void theLoserOfTwoWritersIsToldWhoHoldsTheDisk() throws Exception {
        randomFile("in", 512);
        for (String line :
                Arrays.asList(
                        "blk:write nvme0n1 --in in",
                        "blk:fill nvme0n1",
                        "blk:bench nvme0n1 --rw write")) {
            try (Disk.Access _ = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "blk:write other")) {
                assertThatThrownBy(() -> shell.execute(line))
                        .hasMessage("nvme0n1 is held by blk:write other");
            }
            try (Disk.Access _ = disk.open(Disk.OpenMode.READ, "nbd")) {
                assertThatThrownBy(() -> shell.execute(line)).hasMessage("nvme0n1 is held by nbd");
            }
        }
    }

    @Test
    void anAbsentDiskIsOneLine() {
        disk.state = Disk.State.ABSENT;
        assertThatThrownBy(() -> shell.execute("blk:read nvme0n1")).hasMessage("nvme0n1 is absent");
    }

    @Test
    void verifyFindsWhatIsNotAsFilled() throws Exception {
        assertThat(shell.execute("blk:fill nvme0n1 --seed 7")).contains("2097152 bytes filled");
        assertThat(shell.execute("blk:verify nvme0n1 --seed 7")).contains("as filled");
        randomFile("in", 512);
        shell.execute("blk:write nvme0n1 --in in --lba 9");
        assertThatThrownBy(() -> shell.execute("blk:verify nvme0n1 --seed 7"))
                .hasMessage("1 of 4096 blocks of nvme0n1 are not as filled with seed 7");
        assertThat(shell.execute("blk:verify nvme0n1 --seed 7 --lba 10 --json"))
                .contains("\"wrong\":0");
    }

    @Test
    void benchHasTheKeysThatOthersReadAndAsksTheDriverForTheRoundTrip() throws Exception {
        FakeBinder binder = (FakeBinder) platform.binder;
        binder.answers.put("mmio-round-trip", Map.of("medianNanos", 2500));
        String line = "blk:bench nvme0n1 --rw randread --bs 4k --qd 4 --seconds 0.1 --warmup 0";
        JsonObject result = shell.json(line + " --json").getAsJsonObject();
        assertThat(result.keySet())
                .contains(
                        "iops", "latencyUs", "bytesAllocatedPerIo", "mmioPerIo", "mmioRoundTripUs");
        assertThat(result.getAsJsonObject("latencyUs").keySet())
                .containsExactly("p50", "p99", "p999", "max");
        assertThat(result.get("iops").getAsDouble()).isPositive();
        assertThat(result.get("mmioPerIo").getAsDouble()).isZero();
        assertThat(result.get("mmioRoundTripUs").getAsDouble()).isEqualTo(2.5);
        assertThat(shell.execute(line))
                .contains("randread 4K, depth 4, polled")
                .contains("2.50 us");
    }

    @Test
    void benchDoesWithoutARoundTripThatTheDriverDoesNotMeasure() throws Exception {
        JsonObject result =
                shell.json(
                                "bench nvme0n1 --rw randwrite --seconds 0.1 --warmup 0 --json --interrupt")
                        .getAsJsonObject();
        assertThat(result.get("mmioRoundTripUs").isJsonNull()).isTrue();
    }

    @Test
    void anInterruptEndsABenchmarkAndLetsTheDiskGo() {
        Bench bench = new Bench(platform);
        new CommandLine(bench).parseArgs("nvme0n1", "--seconds", "600");
        Output out = new Output(new PrintStream(new ByteArrayOutputStream()), false, false);
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> bench.run(out)).isInstanceOf(CancellationException.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void statShowsCountersAsTableAndJson() throws Exception {
        JsonObject row = shell.json("blk:stat --json").getAsJsonArray().get(0).getAsJsonObject();
        assertThat(row.get("bytesWritten").getAsLong()).isEqualTo(1024);
        assertThat(row.get("adopted").getAsLong()).isEqualTo(8);
        assertThat(
                        row.getAsJsonArray("latencies")
                                .get(0)
                                .getAsJsonObject()
                                .get("p99")
                                .getAsDouble())
                .isEqualTo(25);
        assertThat(shell.execute("stat nvme0n1").lines().map(l -> l.replaceAll(" +", " ")))
                .containsExactly(
                        "NAME READS WRITES FLUSHES OTHERS READ WRITTEN ERRORS BOUNCED PARKED ADOPTED"
                                + " REPLAYED",
                        "nvme0n1 1 2 3 4 512B 1K 5 6 7 8 9",
                        "",
                        "NAME REQUEST COUNT MIN US MEAN US 50 % 90 % 99 % 99.9 % MAX US",
                        "nvme0n1 read 3 1.0 10.5 9.0 20.0 25.0 30.0 31.3");
    }

    @Test
    void theProgressBarIsDrawnInATerminalOnly() {
        AtomicLong clock = new AtomicLong();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (boolean terminal : new boolean[] {false, true}) {
            Output out = new Output(new PrintStream(bytes, true), false, terminal);
            try (ProgressBar bar = new ProgressBar(out, "nvme0n1", clock::get)) {
                bar.moved(1, 4096);
                clock.addAndGet(1_000_000_000);
                bar.moved(2048, 4096);
                bar.moved(2049, 4096);
            }
            if (!terminal) {
                assertThat(bytes.toString()).isEmpty();
            }
        }
        assertThat(bytes.toString())
                .isEqualTo(
                        "\r\u001b[Knvme0n1 [###############...............]  50% 2K of 4K, 2K/s,"
                                + " 1 s left\r\u001b[K");
    }
}
