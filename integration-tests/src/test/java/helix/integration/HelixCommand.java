package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/// Runs `./helix` as a person would and keeps what it said.
///
/// @param exit the exit status
/// @param out standard output
/// @param err standard error
record HelixCommand(int exit, String out, String err) {
    private static final long LIMIT_SECONDS = Boolean.getBoolean("helix.full") ? 240 : 90;

    static HelixCommand run(String... arguments) throws IOException, InterruptedException {
        return runWith(List.of(), arguments);
    }

    /// Runs it by another program, such as one that enters a namespace.
    ///
    /// @param prefix that program and its arguments
    static HelixCommand runWith(List<String> prefix, String... arguments)
            throws IOException, InterruptedException {
        Path out = Files.createTempFile("helix-it", ".out");
        Path err = Files.createTempFile("helix-it", ".err");
        try {
            Process process = start(prefix, out, err, arguments);
            if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                throw new AssertionError(
                        "./helix "
                                + List.of(arguments)
                                + " did not end in "
                                + LIMIT_SECONDS
                                + " s");
            }
            return new HelixCommand(
                    process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    /// Begins a command that runs until it is ended, and says nothing that anybody reads.
    static Process begin(String... arguments) throws IOException {
        Path nowhere = Path.of("/dev/null");
        return start(List.of(), nowhere, nowhere, arguments);
    }

    private static Process start(List<String> prefix, Path out, Path err, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(prefix);
        command.add(System.getProperty("helix.command"));
        command.addAll(List.of(arguments));
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile())
                        .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        // The distribution under test is the one that this build has just made.
        builder.environment().put("HELIX_NO_BUILD", "1");
        return builder.start();
    }

    HelixCommand succeeds() {
        assertThat(exit).as("exit status; stderr: %s", err).isZero();
        return this;
    }

    /// Failed with one line that contains these words.
    HelixCommand failsWith(String... words) {
        assertThat(exit).as("exit status; stdout: %s", out).isNotZero();
        assertThat(err.strip().lines().toList()).as("lines on stderr").hasSize(1);
        assertThat(err).contains(words);
        return this;
    }

    /// The JSON documents on standard output, one a line, among what people read.
    List<JsonElement> documents() {
        return out.lines()
                .filter(l -> l.startsWith("{") || l.startsWith("["))
                .map(JsonParser::parseString)
                .toList();
    }
}
