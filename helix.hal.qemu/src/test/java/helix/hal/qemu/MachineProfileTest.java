package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.PlatformDevice.PortRange;
import helix.hal.api.machine.Machine.PlatformResource;
import helix.hal.qemu.MachineProfile.Option;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MachineProfileTest {
    @Test
    void linesAreKeywordsAndValues() {
        MachineProfile profile =
                parse(
                        "# a comment",
                        "",
                        "memory 64M",
                        "disk nvme,max_ioqpairs=1",
                        "media m0 mem:1M",
                        "device e1000,id=nic0, with a space",
                        "no-hpet",
                        "platform kbc PNP0303 ports=0x60,0x64+2 lines=1,12");
        assertThat(profile.memory()).isEqualTo(64 << 20);
        assertThat(profile.disk()).contains("nvme,max_ioqpairs=1");
        assertThat(profile.media()).containsEntry("m0", new DiskSpec.Memory(1 << 20));
        assertThat(profile.options())
                .containsExactly(
                        new Option("device", "e1000,id=nic0, with a space"),
                        new Option("no-hpet", ""));
        assertThat(profile.platform())
                .containsExactly(
                        new PlatformResource(
                                "kbc",
                                "PNP0303",
                                List.of(new PortRange(0x60, 1), new PortRange(0x64, 2)),
                                List.of(1, 12)));
    }

    @Test
    void emptyProfileHasDefaults() {
        MachineProfile profile = parse();
        assertThat(profile.memory()).isEqualTo(256 << 20);
        assertThat(profile.disk()).contains("nvme");
        assertThat(parse("disk none").disk()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "bios x.bin | 'bios' is set by Helix",
                "memory 1M | not from 16M to 2G",
                "memory many | 'many' is no size",
                "-device x | '-device' is no keyword",
                "media m0 | media takes a name",
                "platform com1 | platform takes a name",
                "platform com1 PNP0501 ports=x | 'x' is no number",
                "platform com1 PNP0501 irq=4 | 'irq' is no setting",
            })
    void mistakesAreNamedWithTheirLine(String line, String message) {
        assertThatThrownBy(() -> parse("# first", line))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("profile test, line 2: ")
                .hasMessageContaining(message);
    }

    @Test
    void missingFileIsNamed() {
        assertThatThrownBy(() -> MachineProfile.read(Path.of("/no/such.profile")))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("/no/such.profile");
    }

    @ParameterizedTest
    @CsvSource({"512, 512", "64K, 65536", "1M, 1048576", "2g, 2147483648", "1GiB, 1073741824"})
    void sizesHaveUnits(String text, long size) {
        assertThat(DiskSpec.Sizes.parse(text)).isEqualTo(size);
    }

    @ParameterizedTest
    @CsvSource({"0", "-1", "513", "1X", "''", "99999999999999999999"})
    void otherSizesAreRefused(String text) {
        assertThatThrownBy(() -> DiskSpec.parse("null:" + text))
                .isInstanceOf(DeviceException.class);
    }

    @Test
    void drivesGetFreeDeviceNumbersFrom4Up() {
        MachineProfile profile = parse("device e1000,addr=5", "device x,bus=rp0,addr=6");
        List<Disk> disks =
                List.of(
                        Disk.open("disk0", new DiskSpec.Null(512)),
                        Disk.open("disk1", new DiskSpec.Null(512)));
        assertThat(command(profile, disks))
                .contains(
                        "nvme,id=drive0,drive=disk0,serial=helix0,addr=4",
                        "nvme,id=drive1,drive=disk1,serial=helix1,addr=6");
    }

    @Test
    void aDriveMayBeAVirtioBlockDevice() {
        List<Disk> disks =
                List.of(
                        Disk.open("disk0", DiskSpec.parseDrive("null:512")),
                        Disk.open("disk1", DiskSpec.parseDrive("virtio:null:512")));
        String virtio =
                "virtio-blk-pci,disable-legacy=on,ioeventfd=off,id=drive1,drive=disk1,serial=helix1,addr=";
        assertThat(command(parse(), disks))
                .contains("nvme,id=drive0,drive=disk0,serial=helix0,addr=4", virtio + "5");
        assertThat(command(parse("disk none"), disks))
                .contains(virtio + "4")
                .noneMatch(a -> a.startsWith("nvme,"));
        assertThatThrownBy(() -> DiskSpec.parseDrive("virtio:null:1"))
                .hasMessageContaining("multiple of 512");
    }

    @Test
    void driveKeepsItsOwnPlaceAndArgumentsComeLast() {
        MachineProfile profile = parse("disk nvme,bus=rp0,serial=mine");
        List<Disk> disks = List.of(Disk.open("disk0", new DiskSpec.Null(512)));
        assertThat(command(profile, disks))
                .contains("nvme,bus=rp0,serial=mine,id=drive0,drive=disk0")
                .endsWith("-global", "nvme.max_ioqpairs=1");
    }

    private static List<String> command(MachineProfile profile, List<Disk> disks) {
        Path any = Path.of("/run/a,b");
        QemuCommandLine.Paths paths = new QemuCommandLine.Paths(any, any, any, any, "m");
        List<String> command =
                QemuCommandLine.build(
                        profile,
                        paths,
                        disks,
                        List.of(),
                        List.of("-global", "nvme.max_ioqpairs=1"));
        assertThat(command).contains("unix:/run/a,,b");
        return command;
    }

    private static MachineProfile parse(String... lines) {
        return MachineProfile.parse("test", List.of(lines));
    }
}
