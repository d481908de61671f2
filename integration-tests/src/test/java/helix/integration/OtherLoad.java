package helix.integration;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/// How busy the machine is while this test does nothing. The load average would count what the test
/// itself has just done, and so would excuse everything.
final class OtherLoad {
    private static final long SAMPLE_MS = 300;
    private static final Path STAT = Path.of("/proc/stat");

    /// Columns of the first line, after its name: user nice system idle iowait …
    private static final int IDLE = 3;

    private static final int IO_WAIT = 4;

    /// The last two columns are guests', which are in the first two as well.
    private static final int COLUMNS = 8;

    private record Sample(long busy, long all) {
        static Sample take() throws IOException {
            try (Stream<String> lines = Files.lines(STAT)) {
                String[] columns = lines.findFirst().orElseThrow().split(" +");
                long all = 0;
                for (int i = 1; i <= COLUMNS; i++) {
                    all += Long.parseLong(columns[i]);
                }
                long idle =
                        Long.parseLong(columns[1 + IDLE]) + Long.parseLong(columns[1 + IO_WAIT]);
                return new Sample(all - idle, all);
            }
        }
    }

    private OtherLoad() {}

    /// Looks for a moment, in which the caller has nothing running.
    ///
    /// @return how many cores are busy
    static double cores() throws IOException, InterruptedException {
        Sample before = Sample.take();
        TimeUnit.MILLISECONDS.sleep(SAMPLE_MS); // the time that is measured
        Sample after = Sample.take();
        double share = (double) (after.busy - before.busy) / Math.max(1, after.all - before.all);
        return share * Runtime.getRuntime().availableProcessors();
    }
}
