package helix.shell.blk;

import helix.shell.Output;
import helix.shell.Sizes;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What a command did to a disk.
///
/// @param disk which disk
/// @param file from or to which file, null without one
/// @param offset the first byte on the disk
/// @param bytes how many
/// @param seconds how long it took
/// @param bytesPerSecond how fast that is
record Moved(
        String disk,
        @Nullable String file,
        long offset,
        long bytes,
        double seconds,
        double bytesPerSecond) {
    static Moved of(String disk, @Nullable String file, long offset, long bytes, double seconds) {
        return new Moved(disk, file, offset, bytes, seconds, bytes / Math.max(seconds, 1e-9));
    }

    void print(Output out, String done) {
        if (!out.json(this)) {
            out.line(
                    String.format(
                            Locale.ROOT,
                            "%d bytes %s in %.2f s (%s/s)",
                            bytes,
                            done,
                            seconds,
                            Sizes.text((long) bytesPerSecond)));
        }
    }
}
