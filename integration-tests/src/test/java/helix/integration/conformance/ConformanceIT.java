package helix.integration.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import helix.integration.conformance.Differences.Difference;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.AssumptionViolatedException;
import org.junit.ClassRule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/// The embedded machine's devices answer to scripts as QEMU's do, or otherwise for a reason that
/// the specification gives.
public class ConformanceIT {
    private static final String PROGRAM = "qemu-system-x86_64";

    /// The release whose replies the table is about.
    private static final String RELEASE = "version 7.2";

    private static final int LEAST_SCRIPTS = 200;

    /// For the machines' files.
    @ClassRule public static final TemporaryFolder FOLDER = new TemporaryFolder();

    @Test
    public void devicesAnswerAsQemusOrForAReason() throws Exception {
        assumeQemu();
        Map<String, List<String>> theirs;
        Map<String, List<String>> ours;
        try (Bench qemu = new QemuBench(FOLDER.newFolder().toPath())) {
            theirs = Conformance.run(qemu);
        }
        try (Bench sim = new SimBench()) {
            ours = Conformance.run(sim);
        }
        assertThat(ours.keySet()).isEqualTo(theirs.keySet());
        assertThat(ours).hasSizeGreaterThanOrEqualTo(LEAST_SCRIPTS);

        Map<Difference, List<String>> listed = new LinkedHashMap<>();
        Differences.all().forEach(d -> listed.put(d, new ArrayList<>()));
        List<String> unlisted = new ArrayList<>();
        for (String name : ours.keySet()) {
            if (ours.get(name).equals(theirs.get(name))) {
                continue;
            }
            Optional<Difference> reason =
                    listed.keySet().stream()
                            .filter(d -> d.scripts().matcher(name).matches())
                            .findFirst();
            if (reason.isPresent()) {
                listed.get(reason.get()).add(name);
            } else {
                unlisted.add(
                        "%s%n  QEMU: %s%n  sim:  %s"
                                .formatted(name, theirs.get(name), ours.get(name)));
            }
        }
        assertThat(unlisted).as("differences without a reason").isEmpty();
        listed.forEach((reason, scripts) ->
                assertThat(scripts)
                        .as("difference that no longer occurs: %s", reason.word())
                        .isNotEmpty());
        compare(Report.of(theirs, ours, listed));
    }

    /// The committed page is what this run would write; it is left beside the reports, to be
    /// copied.
    private static void compare(String report) throws IOException {
        Path made = Path.of("target", "simulated-machine-conformance.md");
        Files.writeString(made, report);
        Path committed = Path.of("..", "docs", "simulated-machine-conformance.md");
        assertThat(Files.exists(committed) ? Files.readString(committed) : "")
                .as("%s: replace it by %s", committed.normalize(), made.toAbsolutePath())
                .isEqualTo(report);
    }

    private static void assumeQemu() throws InterruptedException {
        boolean present =
                Arrays.stream(System.getenv("PATH").split(":"))
                        .anyMatch(d -> Files.isExecutable(Path.of(d, PROGRAM)));
        if (!present) {
            throw new AssumptionViolatedException(
                    "skipped: " + PROGRAM + " is not installed (./helix setup installs it)");
        }
        String version = version();
        if (!version.contains(RELEASE)) {
            throw new AssumptionViolatedException(
                    "skipped: the table of differences is of QEMU 7.2, this is " + version);
        }
    }

    private static String version() throws InterruptedException {
        try {
            Process process = new ProcessBuilder(PROGRAM, "--version").start();
            String said =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            boolean _ = process.waitFor(10, TimeUnit.SECONDS);
            return said.lines().findFirst().orElse("unknown");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
