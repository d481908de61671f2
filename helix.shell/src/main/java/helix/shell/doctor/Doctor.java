package helix.shell.doctor;

import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Table;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

/// Checks the computer and the instance; each finding names its fix. Fails if a check does.
@Command(description = "Checks the computer and the instance; each finding names its fix.")
public final class Doctor extends Report {
    private static final Duration VERSION_LIMIT = Duration.ofSeconds(10);
    private static final Path MEMINFO = Path.of("/proc/meminfo");

    private static final Table<Finding> TABLE =
            new Table<Finding>()
                    .column("STATUS", Finding::status)
                    .column("CHECK", Finding::name)
                    .column("FINDING", Finding::finding)
                    .column("FIX", Finding::fix);

    private final List<Check> checks;

    /// What a check found.
    ///
    /// @param name what was checked
    /// @param status `ok`, `warn` or `fail`
    /// @param finding one line
    /// @param fix what helps, null if all is well
    record Finding(String name, String status, String finding, @Nullable String fix) {
        static Finding of(Check check) {
            Check.Result result = check.run();
            return new Finding(
                    check.name(),
                    result.status().name().toLowerCase(Locale.ROOT),
                    result.finding(),
                    result.fix().isEmpty() ? null : result.fix());
        }
    }

    /// Makes the command.
    ///
    /// @param platform what to check
    public Doctor(Platform platform) {
        this(checks(platform));
    }

    Doctor(List<Check> checks) {
        this.checks = checks;
    }

    private static List<Check> checks(Platform platform) {
        String machine = platform.property("helix.machine");
        String instance = platform.property("helix.instance");
        Path folder = instance == null ? null : Path.of(instance);
        return List.of(
                new JavaCheck(
                        Runtime.version().feature(),
                        Runtime.version() + ", " + System.getProperty("java.home")),
                new SystemCheck(System.getProperty("os.name"), System.getProperty("os.arch")),
                new NativeAccessCheck(Doctor.class.getModule()::isNativeAccessEnabled),
                new QemuCheck(onPath("qemu-system-x86_64"), Doctor::firstLine, machine),
                new MemoryCheck(MEMINFO),
                new HugePagesCheck(MEMINFO),
                new OpenFilesCheck(Path.of("/proc/self/limits")),
                new VfioCheck(
                        Path.of("/sys/kernel/iommu_groups"),
                        Path.of("/dev/vfio/vfio"),
                        "vfio".equals(machine)),
                new InstanceCheck(folder, Files::isWritable),
                new PrivateFolderCheck(folder == null ? null : folder.resolve("run")),
                new SocketFolderCheck(
                        Path.of(
                                Objects.requireNonNullElse(
                                        System.getenv("XDG_RUNTIME_DIR"),
                                        System.getProperty("java.io.tmpdir", "/tmp")))),
                new MachineCheck(platform::machines),
                new ModulesCheck(platform::binder),
                new DeploymentsCheck(platform::deployments),
                new DisksCheck(platform::disks));
    }

    @Override
    public void run(Output out) {
        List<Finding> findings = checks.stream().map(Finding::of).toList();
        if (!out.json(findings)) {
            TABLE.print(out, findings);
        }
        List<String> failed =
                findings.stream()
                        .filter(f -> f.status().equals("fail"))
                        .map(Finding::name)
                        .toList();
        if (!failed.isEmpty()) {
            throw new CommandFailed("not all is well: " + String.join(", ", failed));
        }
    }

    private static Optional<Path> onPath(String program) {
        String path = Objects.requireNonNullElse(System.getenv("PATH"), "");
        return Stream.of(path.split(File.pathSeparator))
                .filter(folder -> !folder.isEmpty())
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /// The first line that a program prints when asked for its version; empty if it does not.
    private static String firstLine(Path program) {
        try {
            Process process =
                    new ProcessBuilder(program.toString(), "--version")
                            .redirectErrorStream(true)
                            .start();
            process.getOutputStream().close();
            if (!process.waitFor(VERSION_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
                return "";
            }
            try (var output = process.inputReader(StandardCharsets.UTF_8)) {
                return Objects.requireNonNullElse(output.readLine(), "");
            }
        } catch (IOException e) {
            return "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }
}
