package helix.hal.qemu;

import helix.hal.api.DeviceException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What a disk is made of.
sealed interface DiskSpec {
    /// A raw image.
    record Image(Path file) implements DiskSpec {}

    /// Reads zeroes and forgets what is written, as fast as can be.
    record Null(long size) implements DiskSpec {}

    /// Memory, gone with the machine.
    record Memory(long size) implements DiskSpec {}

    /// Attached as a virtio block device, not as the profile's kind of drive.
    record Virtio(DiskSpec disk) implements DiskSpec {}

    /// Reads a drive: `virtio:` before what it is made of makes it a virtio block device.
    ///
    /// @throws DeviceException if the size cannot be read
    static DiskSpec parseDrive(String text) {
        return text.startsWith("virtio:")
                ? new Virtio(parse(text.substring("virtio:".length())))
                : parse(text);
    }

    /// Reads `FILE`, `null:SIZE` or `mem:SIZE`.
    ///
    /// @throws DeviceException if the size cannot be read
    static DiskSpec parse(String text) {
        if (text.startsWith("null:")) {
            return new Null(Sizes.parse(text.substring("null:".length())));
        }
        if (text.startsWith("mem:")) {
            return new Memory(Sizes.parse(text.substring("mem:".length())));
        }
        return new Image(Path.of(text).toAbsolutePath());
    }

    /// A scratch image, made if it is not there: sparse, so that it takes room as it is written.
    static DiskSpec scratch(Path file, long size) {
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            if (!Files.exists(file)) {
                try (RandomAccessFile image = new RandomAccessFile(file.toFile(), "rw")) {
                    image.setLength(size);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Image(file.toAbsolutePath());
    }

    /// Sizes as people write them: `512`, `64K`, `256M`, `1G`, `2T`.
    final class Sizes {
        private static final Pattern FORM = Pattern.compile("(\\d{1,12})([KMGT]?)(?:I?B)?");
        private static final String UNITS = "KMGT";

        private Sizes() {}

        static long parse(String text) {
            Matcher form = FORM.matcher(text.strip().toUpperCase(Locale.ROOT));
            if (!form.matches()) {
                throw new DeviceException("'" + text + "' is no size; write 512K, 64M or 1G");
            }
            int unit = form.group(2).isEmpty() ? 0 : UNITS.indexOf(form.group(2)) + 1;
            long size = Long.parseLong(form.group(1)) << (10 * unit);
            if (size <= 0 || size % 512 != 0) {
                throw new DeviceException(
                        "size " + text + " is not a positive multiple of 512 bytes");
            }
            return size;
        }
    }
}
