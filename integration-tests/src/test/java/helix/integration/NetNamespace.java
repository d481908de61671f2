package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.AssumptionViolatedException;

/// A network of the kernel's of its own, with a loopback interface only, so that no test touches
/// the machine's. A process holds it that ends with this one; the kernel then takes it away with
/// all that is in it.
final class NetNamespace implements AutoCloseable {
    private static final long LIMIT_SECONDS = 60;

    private final Process holder;
    private final List<String> prefix;

    private NetNamespace(Process holder, boolean root) {
        this.holder = holder;
        List<String> words =
                new ArrayList<>(List.of("nsenter", "-t", Long.toString(holder.pid()), "-n"));
        if (!root) {
            words.addAll(List.of("-U", "--preserve-credentials"));
        }
        prefix = List.copyOf(words);
    }

    /// Makes one, or skips the test with the reason.
    static NetNamespace create(String... programs) throws IOException {
        for (String program : programs) {
            assumeInstalled(program);
        }
        for (String program : List.of("unshare", "nsenter", "ip")) {
            assumeInstalled(program);
        }
        boolean root = "root".equals(System.getProperty("user.name"));
        Process holder =
                new ProcessBuilder(
                                "unshare",
                                root ? "-n" : "-rn",
                                "sh",
                                "-c",
                                "ip link set lo up && echo up && exec cat")
                        .redirectErrorStream(true)
                        .start();
        // Left open: its end ends the holder.
        BufferedReader reader = holder.inputReader();
        String line = reader.readLine();
        if (!"up".equals(line)) {
            holder.destroy();
            throw new AssumptionViolatedException("skipped: no network namespace: " + line);
        }
        return new NetNamespace(holder, root);
    }

    private static void assumeInstalled(String program) {
        boolean there =
                Arrays.stream((System.getenv("PATH") + ":/usr/sbin:/sbin").split(":"))
                        .anyMatch(d -> Files.isExecutable(Path.of(d, program)));
        if (!there) {
            throw new AssumptionViolatedException("skipped: " + program + " is not installed");
        }
    }

    /// What a command line begins with to run in here.
    List<String> prefix() {
        return prefix;
    }

    /// Starts a program in here.
    Process start(String... command) throws IOException {
        List<String> words = new ArrayList<>(prefix);
        words.addAll(List.of(command));
        return new ProcessBuilder(words).redirectErrorStream(true).start();
    }

    /// Runs a program in here, which must succeed.
    ///
    /// @return what it said
    String run(String... command) throws IOException, InterruptedException {
        return finish(start(command));
    }

    /// Waits for a program that must succeed and says little.
    static String finish(Process process) throws IOException, InterruptedException {
        try {
            assertThat(process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS))
                    .as("ended in %d s", LIMIT_SECONDS)
                    .isTrue();
            String said =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.exitValue()).as(said).isZero();
            return said;
        } finally {
            process.destroy();
        }
    }

    @Override
    public void close() {
        holder.destroy();
    }
}
