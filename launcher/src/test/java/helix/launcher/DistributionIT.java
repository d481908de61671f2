package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The built distribution, run as its users run it, without devices.
class DistributionIT {
    @TempDir Path folder;

    private static HelixProcess exec(String commands) {
        return HelixProcess.run("exec", "--machine=none", commands);
    }

    @Test
    void everyBundleIsActive() {
        HelixProcess lb = exec("felix:lb -s");
        assertThat(lb.err()).isEmpty();
        assertThat(lb.status()).isZero();
        List<String> bundles = lb.out().lines().filter(l -> l.matches(" *\\d+\\|.*")).toList();
        assertThat(bundles).hasSizeGreaterThan(25);
        assertThat(bundles.stream().filter(l -> !l.contains("|Active")))
                .allSatisfy(l -> assertThat(l).contains("Resolved").contains("gogo.jline"));
    }

    @Test
    void commandsRunInOrderUntilOneFails() {
        HelixProcess exec = exec("echo one; echo two\necho three; no-such-command; echo four");
        assertThat(exec.status()).isEqualTo(1);
        assertThat(exec.out()).isEqualTo("one\ntwo\nthree\n");
        assertThat(exec.err())
                .startsWith("helix: no such command: no-such-command")
                .hasLineCount(1);
    }

    @Test
    void anErrorCodeIsAFailure() {
        HelixProcess exec = exec("echo here | grep nothing; echo on");
        assertThat(exec.status()).isEqualTo(1);
        assertThat(exec.out()).isEmpty();
    }

    @Test
    void whatIsWrittenToAPipeIsNotColoured() {
        assertThat(exec("echo here | grep er").out()).isEqualTo("here\n");
    }

    @Test
    void aScriptIsItsCommands() throws IOException {
        Path script =
                Files.writeString(
                        folder.resolve("s.gosh"),
                        """
                        # a comment
                        x = 5
                        each [a b] {
                            echo $it$x
                        }
                        if { $undefined } { echo yes } { echo no }
                        """);
        HelixProcess run = HelixProcess.run("script", "--machine=none", script.toString());
        assertThat(run.err()).isEmpty();
        assertThat(run.status()).isZero();
        assertThat(run.out()).startsWith("a5\nb5\n").contains("no\n").doesNotContain("yes");
    }

    @Test
    void aScriptThatFailsHasAnExitStatus() throws IOException {
        Path script = Files.writeString(folder.resolve("s.gosh"), "echo a\nthrow oops\necho b\n");
        HelixProcess run = HelixProcess.run("script", "--machine=none", script.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEqualTo("a\n");
        assertThat(run.err()).startsWith("helix: ").hasLineCount(1);
    }

    @Test
    void syntaxErrorsAreOneLine() {
        HelixProcess exec = exec("echo (");
        assertThat(exec.status()).isEqualTo(1);
        assertThat(exec.err()).startsWith("helix: ").hasLineCount(1);
    }

    @Test
    void theShellReadsPipedInput() {
        HelixProcess run =
                HelixProcess.runWith(
                        "echo hello\nno-such-command\nexit\n",
                        "run",
                        "--machine=none",
                        "--instance=" + folder.resolve("i"));
        assertThat(run.status()).isZero();
        assertThat(run.out()).startsWith("helix> ").contains("hello\n");
        assertThat(run.err()).startsWith("helix: no such command").hasLineCount(1);
    }

    @Test
    void anUnknownMachineIsOneLineAndLeavesNothing() throws IOException {
        HelixProcess run =
                HelixProcess.execute(
                        "",
                        Map.of("JDK_JAVA_OPTIONS", "-Djava.io.tmpdir=" + folder),
                        HelixProcess.command("exec", "--machine=vax", "echo hi"));
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        // The first line is the JVM's, about the option.
        assertThat(run.err().lines().skip(1))
                .singleElement()
                .asString()
                .startsWith("helix: --machine vax");
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void theBackgroundPlatformIsControlledThroughItsSocket() {
        Path instance = folder.resolve("i");
        String at = "--instance=" + instance;
        HelixProcess start = HelixProcess.run("start", "--machine=none", at);
        assertThat(start.err()).isEmpty();
        assertThat(start.status()).isZero();
        try {
            HelixProcess ctl =
                    HelixProcess.run("ctl", at, "echo hello; no-such-command; echo no more");
            assertThat(ctl.out()).isEqualTo("hello\n");
            assertThat(ctl.err()).startsWith("helix: no such command").hasLineCount(1);
            assertThat(ctl.status()).isEqualTo(1);

            HelixProcess status = HelixProcess.run("status", "--json", at);
            assertThat(status.status()).isZero();
            assertThat(status.out())
                    .contains("\"state\":\"running\"")
                    .contains("\"machine\":\"none\"");
            assertThat(instance.resolve("logs/helix.log")).exists();

            for (String[] second :
                    new String[][] {
                        {"start", "--machine=none", at}, {"exec", "--machine=none", at, "echo hi"}
                    }) {
                HelixProcess refused = HelixProcess.run(second);
                assertThat(refused.status()).isEqualTo(1);
                assertThat(refused.err())
                        .hasLineCount(1)
                        .matches("helix: instance .* is in use by process \\d+\n");
            }
        } finally {
            assertThat(HelixProcess.run("stop", at).status()).isZero();
        }
        assertThat(HelixProcess.run("status", at).status()).isEqualTo(3);
        assertThat(instance.resolve("run/control")).doesNotExist();
    }
}
