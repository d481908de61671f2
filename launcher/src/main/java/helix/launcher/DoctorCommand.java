package helix.launcher;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `doctor`: looks at what Helix needs of its surroundings, then asks the platform about itself.
@Command(name = "doctor", description = "Checks the machine; each finding names its fix.")
final class DoctorCommand implements Callable<Integer> {
    private static final int JAVA = 25;
    private static final Duration VERSION_LIMIT = Duration.ofSeconds(10);

    @Mixin private final MachineOptions machine = new MachineOptions();
    @Mixin private final InstanceOptions instance = new InstanceOptions();

    /// What was looked at.
    ///
    /// @param good whether all is well
    /// @param subject what
    /// @param text what was found, and what helps if it is not good
    record Finding(boolean good, String subject, String text) {
        @Override
        public String toString() {
            return String.format("%-5s %-10s %s", good ? "ok" : "FAIL", subject, text);
        }
    }

    @Override
    public Integer call() {
        List<Finding> findings = new ArrayList<>();
        findings.add(
                java(
                        Runtime.version().feature(),
                        Runtime.version() + ", " + System.getProperty("java.home")));
        findings.add(system(System.getProperty("os.name"), System.getProperty("os.arch")));
        findings.add(qemu(MachineChoice.program(MachineChoice.QEMU)));
        findings.forEach(System.out::println);
        int platform = Session.run(instance.instanceOrTemporary(), machine, "exec", "helix:doctor");
        return findings.stream().allMatch(Finding::good) ? platform : 1;
    }

    static Finding java(int feature, String description) {
        return feature >= JAVA
                ? new Finding(true, "java", description)
                : new Finding(
                        false,
                        "java",
                        description
                                + ": Helix needs JDK "
                                + JAVA
                                + " or newer; set JAVA_HOME to one");
    }

    static Finding system(String os, String architecture) {
        boolean good = os.equals("Linux") && architecture.equals("amd64");
        return new Finding(
                good,
                "system",
                os + " " + architecture + (good ? "" : ": Helix runs on Linux x86-64 only"));
    }

    static Finding qemu(Optional<Path> program) {
        if (program.isEmpty()) {
            return new Finding(
                    false,
                    "qemu",
                    "no " + MachineChoice.QEMU + " on the PATH; `./helix setup` installs it");
        }
        return qemuVersion(program.get().toString(), firstLine(program.get(), "--version"));
    }

    static Finding qemuVersion(String program, String firstLine) {
        var version = java.util.regex.Pattern.compile("version (\\d+)\\.(\\d+)").matcher(firstLine);
        if (!version.find()) {
            return new Finding(
                    false,
                    "qemu",
                    program + " does not tell its version; `./helix setup` installs QEMU");
        }
        int release = Integer.parseInt(version.group(1)) * 100 + Integer.parseInt(version.group(2));
        return release >= 702
                ? new Finding(true, "qemu", version.group().substring(8) + ", " + program)
                : new Finding(
                        false,
                        "qemu",
                        version.group() + ", " + program + ": Helix needs QEMU 7.2 or newer");
    }

    private static String firstLine(Path program, String option) {
        try {
            Process process =
                    new ProcessBuilder(program.toString(), option)
                            .redirectErrorStream(true)
                            .start();
            try (var output = process.inputReader(StandardCharsets.UTF_8)) {
                process.getOutputStream().close();
                if (!process.waitFor(VERSION_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
                    process.destroyForcibly();
                    return "";
                }
                String line = output.readLine();
                return line == null ? "" : line;
            }
        } catch (IOException e) {
            return "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }
}
