package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import helix.hal.api.DeviceException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Starts that succeed and starts that fail, on a real QEMU.
class QemuStartTest {
    @TempDir private Path folder;

    @BeforeEach
    void needQemu() {
        assumeTrue(
                QemuProcess.find(QemuCommandLine.PROGRAM).isPresent(),
                QemuCommandLine.PROGRAM + " is not installed");
    }

    private static QemuMachine.Settings settings(
            List<String> profile, List<DiskSpec> disks, String... arguments) {
        return new QemuMachine.Settings(
                MachineProfile.parse("test", profile), disks, List.of(arguments));
    }

    private static void assertRefused(QemuMachine.Settings settings, String why) {
        long start = System.nanoTime();
        assertThatThrownBy(() -> QemuMachine.start(settings).close())
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(why);
        assertThat(System.nanoTime() - start).isLessThan(5_000_000_000L);
    }

    @Test
    void refusedArgumentIsToldInQemusWords() {
        assertRefused(
                settings(List.of(), List.of(), "-device", "flux-capacitor"),
                "'flux-capacitor' is not a valid device model name");
        assertRefused(settings(List.of("device e1000,addr=99"), List.of()), "addr");
        assertRefused(settings(List.of(), List.of(), "--no-such-option"), "no-such-option");
    }

    @Test
    void unusableDiskIsNamed() {
        assertRefused(
                settings(List.of(), List.of(DiskSpec.parse(folder + "/none.img"))),
                folder + "/none.img: no such file");
    }

    @Test
    void diskInUseIsToldInQemusWords() throws IOException {
        Path image = folder.resolve("a,b.img");
        try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(1 << 20);
        }
        QemuMachine.Settings settings = settings(List.of(), List.of(new DiskSpec.Image(image)));
        try (var _ = QemuMachine.start(settings)) {
            assertRefused(settings, "lock");
        }
        assertThat(Files.size(image)).isEqualTo(1 << 20);
    }

    @Test
    void otherShapesOfDrivesStart() {
        DiskSpec disk = new DiskSpec.Memory(1 << 20);
        List<String> port = List.of("device pcie-root-port,id=rp,chassis=1,slot=1,addr=3");
        for (var settings :
                List.of(
                        settings(
                                List.of(
                                        "disk nvme,logical_block_size=4096,physical_block_size=4096"),
                                List.of(disk)),
                        settings(List.of("disk nvme,max_ioqpairs=1"), List.of(disk, disk)),
                        settings(List.of(port.getFirst(), "disk nvme,bus=rp"), List.of(disk)),
                        settings(
                                List.of(
                                        "disk none",
                                        "device nvme,id=ctl,serial=two,addr=4",
                                        "device nvme-ns,drive=disk0,bus=ctl,nsid=1",
                                        "device nvme-ns,drive=disk1,bus=ctl,nsid=2"),
                                List.of(disk, disk)))) {
            try (QemuMachine machine = QemuMachine.start(settings)) {
                assertThat(machine.pci().orElseThrow().readConfig(0, 0, 0, 2)).isEqualTo(0x8086);
            }
        }
    }

    @Test
    void descriptorsAndThreadsReturnToTheirLevel() {
        QemuMachine.start(settings(List.of(), List.of(new DiskSpec.Memory(1 << 20)))).close();
        long before = descriptors();
        int starts = 3;
        for (int i = 0; i < starts; i++) {
            QemuMachine.start(settings(List.of(), List.of(new DiskSpec.Memory(1 << 20)))).close();
        }
        // The JVM opens a file now and then, as for a class it has not needed yet; what a start
        // does
        // not give back adds up.
        assertThat(descriptors()).isLessThan(before + starts);
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("helix-qemu"));
    }

    private static long descriptors() {
        String[] open = Path.of("/proc/self/fd").toFile().list();
        assertThat(open).isNotNull();
        return open.length;
    }

    @Test
    void directoriesOfDeadProcessesAreRemoved() throws IOException, InterruptedException {
        Process dead = new ProcessBuilder("true").start();
        dead.waitFor();
        Path stale = Files.createDirectory(folder.resolve("hx-" + dead.pid() + "-0"));
        Files.createFile(stale.resolve("qtest"));
        Path other = Files.createDirectory(folder.resolve("hx-1-0"));
        try (var directory = PrivateDirectory.create(folder)) {
            assertThat(stale).doesNotExist();
            assertThat(other).exists();
            assertThat(Files.getPosixFilePermissions(directory.resolve(".").normalize()))
                    .hasSize(3);
        }
    }
}
