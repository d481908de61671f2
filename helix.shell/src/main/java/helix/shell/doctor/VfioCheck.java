package helix.shell.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// Whether real devices could be driven from here. Nothing needs it unless the machine is vfio.
///
/// @param groups `/sys/kernel/iommu_groups`
/// @param device `/dev/vfio/vfio`
/// @param wanted whether the machine is vfio
record VfioCheck(Path groups, Path device, boolean wanted) implements Check {
    @Override
    public String name() {
        return "iommu, vfio";
    }

    @Override
    public Result run() {
        long count = countGroups();
        if (count == 0) {
            return missing(
                    "no IOMMU groups", "switch the IOMMU on in firmware and kernel (iommu=on)");
        }
        if (!Files.exists(device)) {
            return missing(count + " IOMMU groups, no " + device, "modprobe vfio-pci");
        }
        return Files.isReadable(device) && Files.isWritable(device)
                ? Result.ok(count + " IOMMU groups, " + device)
                : missing(
                        count + " IOMMU groups, " + device + " is not ours to open",
                        "give this user read and write access to " + device);
    }

    private Result missing(String finding, String fix) {
        return wanted
                ? Result.fail(finding, fix)
                : Result.ok(finding + "; needed for real devices only");
    }

    private long countGroups() {
        try (Stream<Path> entries = Files.list(groups)) {
            return entries.count();
        } catch (IOException e) {
            return 0;
        }
    }
}
