package helix.hal.qemu;

import helix.hal.qemu.MachineProfile.Option;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/// Puts QEMU's arguments together.
final class QemuCommandLine {
    static final String PROGRAM = "qemu-system-x86_64";

    /// Device numbers of the root bus that q35 or this machine use: the host bridge, the message
    /// device, the south bridge.
    private static final int[] TAKEN_SLOTS = {0, QemuPciHost.MESSAGE_DEVFN >> 3, 31};

    /// Without ioeventfd a notification reaches the device model itself, which is faster here.
    private static final String VIRTIO_DISK = "virtio-blk-pci,disable-legacy=on,ioeventfd=off";

    private static final int FIRST_DISK_SLOT = 4;
    private static final int SLOTS = 32;

    private QemuCommandLine() {}

    /// Where QEMU finds what this JVM made for it.
    ///
    /// @param rom the halt ROM
    /// @param qtest the listening socket of [QtestClient]
    /// @param qmp the listening socket of [QmpClient]
    /// @param ivshmem the listening socket of [IvshmemServer]
    /// @param memory the file of the RAM
    record Paths(Path rom, Path qtest, Path qmp, Path ivshmem, String memory) {
        static Paths in(PrivateDirectory directory, String memory) {
            return new Paths(
                    directory.resolve("rom"),
                    directory.resolve("qtest"),
                    directory.resolve("qmp"),
                    directory.resolve("ivshmem"),
                    memory);
        }
    }

    /// The whole command.
    ///
    /// @param disks the nodes of the drives, in order
    /// @param media further nodes
    /// @param extra arguments to append as they are
    static List<String> build(
            MachineProfile profile,
            Paths paths,
            List<Disk> disks,
            List<Disk> media,
            List<String> extra) {
        List<String> command = new ArrayList<>();
        command.addAll(
                List.of(
                        PROGRAM,
                        // vmport would sit in the middle of the port window.
                        "-machine",
                        "q35,memory-backend=m0,vmport=off",
                        "-m",
                        profile.memory() / (1 << 20) + "M",
                        "-object",
                        "memory-backend-file,id=m0,size="
                                + profile.memory()
                                + ",mem-path="
                                + escape(paths.memory())
                                + ",share=on",
                        "-accel",
                        "tcg",
                        "-bios",
                        paths.rom().toString(),
                        "-nodefaults",
                        "-no-user-config",
                        "-display",
                        "none",
                        "-qtest",
                        "unix:" + escape(paths.qtest()),
                        "-qtest-log",
                        "none",
                        "-qmp",
                        "unix:" + escape(paths.qmp()),
                        // Native PCI Express hot-plug instead of ACPI's, which needs firmware.
                        "-global",
                        "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
                        "-chardev",
                        "socket,id=helix-messages,path=" + escape(paths.ivshmem()),
                        "-device",
                        "ivshmem-doorbell,id=helix-messages,chardev=helix-messages,vectors="
                                + IvshmemServer.VECTORS
                                // The write reaches the device model itself instead of being
                                // compared with 256 registered values.
                                + ",ioeventfd=off,addr="
                                + Integer.toHexString(QemuPciHost.MESSAGE_DEVFN >> 3)));
        for (Disk disk : disks) {
            command.addAll(List.of("-blockdev", disk.node().toString()));
        }
        for (Disk medium : media) {
            command.addAll(List.of("-blockdev", medium.node().toString()));
        }
        for (Option option : profile.options()) {
            command.add("-" + option.name());
            if (!option.value().isEmpty()) {
                command.add(option.value());
            }
        }
        addDrives(command, profile, disks);
        command.addAll(extra);
        return command;
    }

    /// The device id of a drive.
    static String driveId(int index) {
        return "drive" + index;
    }

    /// The block node of a drive.
    static String nodeName(int index) {
        return "disk" + index;
    }

    private static void addDrives(List<String> command, MachineProfile profile, List<Disk> disks) {
        BitSet taken = takenSlots(profile);
        for (int i = 0; i < disks.size(); i++) {
            String device = disks.get(i).isVirtio() ? VIRTIO_DISK : profile.disk().orElse("");
            if (device.isEmpty()) {
                continue; // the profile attaches the node itself
            }
            Map<String, String> given = new Option("device", device).properties();
            StringBuilder value = new StringBuilder(device);
            value.append(",id=").append(driveId(i)).append(",drive=").append(disks.get(i).name());
            if (!given.containsKey("serial")) {
                value.append(",serial=helix").append(i);
            }
            if (!given.containsKey("bus") && !given.containsKey("addr")) {
                int slot = taken.nextClearBit(FIRST_DISK_SLOT);
                taken.set(slot);
                value.append(",addr=").append(Integer.toHexString(Math.min(slot, SLOTS)));
            }
            command.addAll(List.of("-device", value.toString()));
        }
    }

    private static BitSet takenSlots(MachineProfile profile) {
        BitSet taken = new BitSet(SLOTS);
        for (int slot : TAKEN_SLOTS) {
            taken.set(slot);
        }
        for (Option option : profile.options()) {
            Map<String, String> properties = option.properties();
            String address = properties.get("addr");
            if (option.name().equals("device")
                    && address != null
                    && properties.getOrDefault("bus", "pcie.0").equals("pcie.0")) {
                // QEMU reads SLOT[.FUNCTION], both hexadecimal.
                String slot = address.split("\\.", 2)[0].replaceFirst("^0x", "");
                taken.set(Integer.parseInt(slot, 16));
            }
        }
        return taken;
    }

    /// A comma ends a value, so QEMU wants it twice.
    private static String escape(Object value) {
        return value.toString().replace(",", ",,");
    }
}
