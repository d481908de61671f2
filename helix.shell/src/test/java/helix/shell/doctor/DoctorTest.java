package helix.shell.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import helix.block.api.Disk;
import helix.hal.api.machine.Machine;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Deployments;
import helix.modules.api.binder.Deployments.Deployment;
import helix.shell.CommandFailed;
import helix.shell.FakePlatform;
import helix.shell.FakePlatform.FakeBinder;
import helix.shell.FakePlatform.FakeDeployments;
import helix.shell.FakePlatform.FakeDisk;
import helix.shell.FakePlatform.FakeMachine;
import helix.shell.Output;
import helix.shell.doctor.Check.Result;
import helix.shell.doctor.Check.Status;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Each finding of the doctor, and its fix.
final class DoctorTest {
    private static final Path QEMU = Path.of("/usr/bin/qemu-system-x86_64");

    @TempDir private Path folder;

    private static void assertResult(Check check, Status status, String finding, String fix) {
        Result result = check.run();
        assertThat(result.status()).isEqualTo(status);
        assertThat(result.finding()).contains(finding).doesNotContain("\n");
        assertThat(result.fix()).contains(fix);
        assertThat(result.fix().isEmpty()).isEqualTo(status == Status.OK);
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    @Test
    void java() {
        assertResult(new JavaCheck(25, "25.0.3"), Status.OK, "25.0.3", "");
        assertResult(new JavaCheck(17, "17.0.1"), Status.FAIL, "17.0.1 is older", "JAVA_HOME");
    }

    @Test
    void system() {
        assertResult(new SystemCheck("Linux", "amd64"), Status.OK, "Linux amd64", "");
        assertResult(new SystemCheck("Mac OS X", "aarch64"), Status.FAIL, "not supported", "Linux");
    }

    @Test
    void nativeAccess() {
        assertResult(new NativeAccessCheck(() -> true), Status.OK, "enabled", "");
        assertResult(
                new NativeAccessCheck(() -> false),
                Status.FAIL,
                "may not call",
                "--enable-native-access=ALL-UNNAMED");
    }

    @Test
    void qemuIsMissing() {
        assertResult(
                new QemuCheck(Optional.empty(), p -> "", "qemu"),
                Status.FAIL,
                "not installed",
                "./helix setup");
        assertResult(
                new QemuCheck(Optional.empty(), p -> "", "sim"),
                Status.WARN,
                "not installed; the embedded machine (sim)",
                "./helix setup");
    }

    @Test
    void qemuIsTooOldOrTooNewOrSilent() {
        assertResult(qemu("QEMU emulator version 7.2.22 (Debian)"), Status.OK, "7.2, ", "");
        assertResult(qemu("QEMU emulator version 11.0.0"), Status.OK, "11.0", "");
        assertResult(qemu("QEMU emulator version 6.0.0"), Status.FAIL, "older", "7.2");
        assertResult(qemu("QEMU emulator version 12.0.0"), Status.WARN, "newer", "7.2 to 11");
        assertResult(qemu(""), Status.FAIL, "does not tell", "./helix setup");
    }

    private static Check qemu(String line) {
        return new QemuCheck(Optional.of(QEMU), p -> line, "qemu");
    }

    @Test
    void machineIsMissingStalledOrFailed() {
        assertResult(new MachineCheck(List::of), Status.FAIL, "no machine", "./helix setup");
        assertResult(machine(Machine.State.READY, ""), Status.OK, "qemu ready", "");
        assertResult(
                machine(Machine.State.READY, "2 violations by drivers"),
                Status.WARN,
                "qemu is READY: 2 violations",
                "log");
        assertResult(
                machine(Machine.State.STALLED, "an answer is owed"),
                Status.FAIL,
                "qemu is STALLED: an answer is owed",
                "restart");
        assertResult(
                machine(Machine.State.FAILED, "exit status 1"),
                Status.FAIL,
                "qemu is FAILED: exit status 1",
                "log");
    }

    private static Check machine(Machine.State state, String detail) {
        return new MachineCheck(
                () -> List.of(new FakeMachine("qemu", new Machine.Status(state, detail))));
    }

    @Test
    void modulesAreFailedOrZombiesOrHaveNoBinder() {
        assertResult(new ModulesCheck(Optional::empty), Status.FAIL, "no binder", "helix.modules");
        assertResult(modules(Binder.State.RUNNING, ""), Status.OK, "1 running, 1 drivers", "");
        assertResult(
                modules(Binder.State.FAILED, "CSTS.CFS"),
                Status.FAIL,
                "nvme0 (0000:01:00.0) is FAILED: CSTS.CFS",
                "helix:rebind");
        assertResult(
                modules(Binder.State.ZOMBIE, "stuck in stop"), Status.FAIL, "ZOMBIE", "restart");
    }

    private static Check modules(Binder.State state, String reason) {
        FakeBinder binder = new FakeBinder();
        binder.modules.add(
                new Binder.ModuleStatus(
                        "nvme0", "0000:01:00.0", "nvme", "0.1.0", 1, state, reason, List.of()));
        return new ModulesCheck(() -> Optional.of(binder));
    }

    @Test
    void deploymentsAreRefusedOrFailedOrNotFollowed() {
        assertResult(new DeploymentsCheck(Optional::empty), Status.FAIL, "nobody", "helix.modules");
        FakeDeployments folder = new FakeDeployments();
        Check check = new DeploymentsCheck(() -> Optional.of(folder));
        assertResult(check, Status.OK, "0 deployed", "");
        folder.deployed.add(deployment("good.jar", Deployments.State.ACTIVE, ""));
        assertResult(check, Status.OK, "1 deployed", "");
        folder.deployed.add(deployment("newer.jar", Deployments.State.REFUSED, "it needs x"));
        assertResult(check, Status.FAIL, "newer.jar is REFUSED: it needs x", "helix:deploy");
        folder.deployed.set(1, deployment("odd.jar", Deployments.State.FAILED, "unresolved"));
        assertResult(check, Status.FAIL, "odd.jar is FAILED: unresolved", "remove it");
    }

    private static Deployment deployment(String file, Deployments.State state, String message) {
        return new Deployment(file, "test", "1.0.0", state, message);
    }

    @Test
    void disksAreAbsentOrDriverless() {
        FakeDisk disk = new FakeDisk("nvme0n1");
        Check check = new DisksCheck(() -> List.of(disk));
        assertResult(check, Status.OK, "1 present", "");
        disk.state = Disk.State.ABSENT;
        assertResult(check, Status.WARN, "nvme0n1 absent", "plug");
        disk.state = Disk.State.DRIVERLESS;
        assertResult(check, Status.WARN, "nvme0n1 without a driver", "helix:rebind");
    }

    @Test
    void memory() throws IOException {
        assertResult(
                new MemoryCheck(file("rich", "MemTotal: 1 kB\nMemAvailable:    4194304 kB\n")),
                Status.OK,
                "4G available",
                "");
        assertResult(
                new MemoryCheck(file("poor", "MemAvailable: 1024 kB\n")),
                Status.WARN,
                "1M available, 512M wanted",
                "end");
        assertResult(new MemoryCheck(folder.resolve("none")), Status.WARN, "cannot read", "/proc");
    }

    @Test
    void hugePages() throws IOException {
        assertResult(
                new HugePagesCheck(file("some", "HugePages_Total:      16\n")),
                Status.OK,
                "16 reserved",
                "");
        assertResult(new HugePagesCheck(folder.resolve("none")), Status.OK, "none", "");
    }

    @Test
    void openFiles() throws IOException {
        assertResult(
                new OpenFilesCheck(file("many", "Max open files   1048576   1048576   files\n")),
                Status.OK,
                "1048576",
                "");
        assertResult(
                new OpenFilesCheck(file("few", "Max open files   256   4096   files\n")),
                Status.WARN,
                "at most 256",
                "ulimit -n");
        assertResult(
                new OpenFilesCheck(folder.resolve("none")), Status.WARN, "cannot read", "/proc");
    }

    @Test
    void instance() {
        assertResult(new InstanceCheck(folder, f -> true), Status.OK, "writable", "");
        assertResult(
                new InstanceCheck(folder, f -> false), Status.FAIL, "not writable", "--instance");
        assertResult(new InstanceCheck(null, f -> true), Status.WARN, "helix.instance", "./helix");
        assertResult(
                new InstanceCheck(folder.resolve("none"), f -> true),
                Status.FAIL,
                "no folder",
                "--instance");
    }

    @Test
    void privateFolder() throws IOException {
        Path run = Files.createDirectory(folder.resolve("run"));
        Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwx------"));
        assertResult(new PrivateFolderCheck(run), Status.OK, "alone", "");
        Files.setPosixFilePermissions(run, PosixFilePermissions.fromString("rwxr-xr-x"));
        assertResult(new PrivateFolderCheck(run), Status.FAIL, "(rwxr-xr-x)", "chmod 700 " + run);
        assertResult(new PrivateFolderCheck(null), Status.OK, "not in use", "");
    }

    @Test
    void sockets() {
        assertResult(new SocketFolderCheck(folder), Status.OK, "writable", "");
        assertResult(
                new SocketFolderCheck(folder.resolve("none")),
                Status.FAIL,
                "not writable",
                "XDG_RUNTIME_DIR");
    }

    @Test
    void vfio() throws IOException {
        Path groups = Files.createDirectory(folder.resolve("iommu_groups"));
        Path device = folder.resolve("vfio");
        assertResult(new VfioCheck(groups, device, false), Status.OK, "no IOMMU groups", "");
        assertResult(new VfioCheck(groups, device, true), Status.FAIL, "no IOMMU", "iommu=on");
        Files.createDirectory(groups.resolve("0"));
        assertResult(new VfioCheck(groups, device, true), Status.FAIL, "1 IOMMU", "modprobe");
        Files.createFile(device);
        assertResult(new VfioCheck(groups, device, true), Status.OK, "1 IOMMU groups, ", "");
    }

    @Test
    void tableAndJsonHaveTheSameFindingsAndAFailureFails() {
        List<Check> checks =
                List.of(new JavaCheck(25, "25.0.3"), new NativeAccessCheck(() -> false));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(bytes, true);
        assertThatThrownBy(() -> new Doctor(checks).run(new Output(stream, true, false)))
                .isInstanceOf(CommandFailed.class)
                .hasMessage("not all is well: native access");
        JsonArray findings = JsonParser.parseString(bytes.toString()).getAsJsonArray();
        bytes.reset();
        assertThatThrownBy(() -> new Doctor(checks).run(new Output(stream, false, false)))
                .isInstanceOf(CommandFailed.class);
        List<String> lines = bytes.toString().lines().toList();
        assertThat(lines).hasSize(1 + findings.size());
        for (int i = 0; i < findings.size(); i++) {
            findings.get(i).getAsJsonObject().asMap().values().stream()
                    .filter(v -> !v.isJsonNull())
                    .forEach(v -> assertThat(bytes.toString()).contains(v.getAsString()));
        }
    }

    @Test
    void theDoctorOfThisComputerNamesEachCheckOnce() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Doctor doctor = new Doctor(FakePlatform.zoo());
        try {
            doctor.run(new Output(new PrintStream(bytes, true), true, false));
        } catch (CommandFailed e) {
            // This computer may lack something; what counts here is that all was looked at.
            assertThat(e).hasMessageStartingWith("not all is well");
        }
        assertThat(JsonParser.parseString(bytes.toString()).getAsJsonArray())
                .extracting(f -> f.getAsJsonObject().get("name").getAsString())
                .doesNotHaveDuplicates()
                .contains(
                        "java",
                        "qemu",
                        "machine",
                        "modules",
                        "deployments",
                        "disks",
                        "private folder");
    }
}
