package helix.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The `helix` command itself: finding a JDK, saying what is missing.
class HelixScriptIT {
    @TempDir Path folder;
    private final Map<String, String> environment = new HashMap<>();

    @BeforeEach
    void anOldJavaComesFirst() throws IOException {
        Path old = jdk("old", "17.0.15");
        environment.put("JAVA_HOME", "");
        environment.put("PATH", old.resolve("bin") + ":/usr/bin:/bin");
        environment.put("HELIX_NO_BUILD", "1");
    }

    /// A JDK that tells its version and cannot do anything.
    private Path jdk(String name, String version) throws IOException {
        Path home = folder.resolve("jdks").resolve(name);
        Files.createDirectories(home.resolve("bin"));
        for (String program : List.of("java", "javac")) {
            script(home.resolve("bin").resolve(program), "echo this is " + name + " >&2; exit 9");
        }
        Files.writeString(
                home.resolve("release"), "OS_NAME=\"Linux\"\nJAVA_VERSION=\"" + version + "\"\n");
        return home;
    }

    private static void script(Path file, String text) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + text + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private HelixProcess helix(String... arguments) {
        List<String> command =
                new java.util.ArrayList<>(
                        List.of("bash", HelixProcess.ROOT.resolve("helix").toString()));
        command.addAll(List.of(arguments));
        return HelixProcess.execute("", environment, command);
    }

    @Test
    void aJdkBesideAnOlderJavaIsFound() throws IOException {
        Path jdks = folder.resolve("jdks");
        Path found = Files.createDirectories(jdks.resolve("new/bin"));
        for (String program : List.of("java", "javac")) {
            Path real = Path.of(System.getProperty("java.home"), "bin", program);
            script(found.resolve(program), "exec '" + real + "' \"$@\"");
        }
        Files.writeString(jdks.resolve("new/release"), "JAVA_VERSION=\"25.0.3\"\n");
        environment.put("HELIX_JDK_PATH", folder.resolve("empty") + ":" + jdks);
        HelixProcess exec = helix("exec", "--machine=none", "echo hello");
        assertThat(exec.err()).isEmpty();
        assertThat(exec.out()).isEqualTo("hello\n");
        assertThat(exec.status()).isZero();
    }

    @Test
    void javaHomeIsTakenIfItIsNewEnough() {
        environment.put("HELIX_JDK_PATH", "");
        environment.put("JAVA_HOME", System.getProperty("java.home"));
        assertThat(helix("exec", "--machine=none", "echo hello").out()).isEqualTo("hello\n");
    }

    @Test
    void withoutAJdkOneLineSaysWhatWasFoundAndWhatHelps() throws IOException {
        jdk("older", "21.0.1");
        environment.put("HELIX_JDK_PATH", folder.resolve("jdks").toString());
        // The JDKs of this machine must not be found by way of the PATH.
        environment.put("PATH", folder.resolve("jdks/old/bin") + ":" + programs());
        HelixProcess exec = helix("exec", "--machine=none", "echo hello");
        assertThat(exec.status()).isEqualTo(1);
        assertThat(exec.err())
                .hasLineCount(1)
                .startsWith("helix: no JDK 25 or newer")
                .contains("old (17)", "older (21)", "JAVA_HOME");
    }

    @Test
    void anUnknownCommandIsOneLine() {
        HelixProcess helix = helix("frobnicate");
        assertThat(helix.status()).isEqualTo(2);
        assertThat(helix.err()).hasLineCount(1).contains("frobnicate").contains("./helix help");
    }

    @Test
    void helpNeedsNoJdk() {
        environment.put("HELIX_JDK_PATH", "");
        HelixProcess help = helix("help");
        assertThat(help.status()).isZero();
        assertThat(help.out()).contains("./helix run", "./helix exec", "./helix test", "--machine");
    }

    /// A folder with the few programs that the script calls.
    private Path programs() throws IOException {
        Path folderOfPrograms = Files.createDirectories(folder.resolve("programs"));
        for (String program : List.of("bash", "readlink", "cat", "sed", "tr")) {
            Path real = Path.of("/usr/bin", program);
            script(
                    folderOfPrograms.resolve(program),
                    "exec " + (Files.exists(real) ? real : Path.of("/bin", program)) + " \"$@\"");
        }
        return folderOfPrograms;
    }
}
