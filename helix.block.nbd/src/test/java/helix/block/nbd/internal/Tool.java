package helix.block.nbd.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Runs other people's NBD clients.
final class Tool {
    private static final long LIMIT_SECONDS = 60;

    private Tool() {}

    /// Skips the test if a tool is not installed.
    static void need(String name) {
        boolean found =
                List.of(System.getenv("PATH").split(":")).stream()
                        .anyMatch(p -> Files.isExecutable(Path.of(p, name)));
        assumeTrue(found, name + " is not installed: run ./helix setup");
    }

    /// Runs a command to its successful end.
    ///
    /// @return what it printed
    static String run(String... words) throws IOException, InterruptedException {
        need(words[0]);
        Path output = Files.createTempFile("helix-nbd", ".out");
        Process process =
                new ProcessBuilder(words)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        try {
            boolean ended = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
            String text = Files.readString(output, StandardCharsets.UTF_8);
            assertThat(ended).as("%s ended: %s", List.of(words), text).isTrue();
            assertThat(process.exitValue()).as("%s: %s", List.of(words), text).isZero();
            return text;
        } finally {
            process.destroyForcibly();
            Files.delete(output);
        }
    }
}
