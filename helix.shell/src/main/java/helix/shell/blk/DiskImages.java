package helix.shell.blk;

import helix.block.api.Disk;
import helix.shell.Platform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Finds the file behind a disk of this instance's own machine.
final class DiskImages {
    /// The serial numbers that a machine gives to the drives it was started with, in their order.
    private static final Pattern SERIAL = Pattern.compile("helix([0-9]{1,4})");

    private DiskImages() {}

    /// Finds it by the serial number among the instance's `--disk` options.
    ///
    /// @return a regular file as large as the disk, null if there is none
    static @Nullable Path find(Platform platform, Disk disk) {
        Matcher serial = SERIAL.matcher(disk.identity().serial());
        String disks = platform.property("helix.disks");
        if (disks == null || !serial.matches()) {
            return null;
        }
        List<String> specs = disks.lines().filter(line -> !line.isEmpty()).toList();
        int index = Integer.parseInt(serial.group(1));
        if (index >= specs.size() || specs.get(index).matches("(null|mem):.*")) {
            return null;
        }
        Path file = Path.of(specs.get(index));
        long size = disk.totalBlocks() * disk.blockSize();
        return Files.isRegularFile(file) && file.toFile().length() >= size ? file : null;
    }
}
