package helix.shell.doctor;

import helix.shell.Sizes;
import java.nio.file.Path;
import java.util.OptionalLong;

/// Memory for what is shared with devices (memfd).
///
/// @param meminfo `/proc/meminfo`
record MemoryCheck(Path meminfo) implements Check {
    /// What QEMU's RAM and the DMA pools may come to.
    private static final long NEEDED = 512L << 20;

    @Override
    public String name() {
        return "memory";
    }

    @Override
    public Result run() {
        OptionalLong available = MemoryInfo.field(meminfo, "MemAvailable");
        if (available.isEmpty()) {
            return Result.warn("cannot read " + meminfo, "mount /proc");
        }
        long bytes = available.getAsLong() << 10;
        String found = Sizes.text(bytes) + " available";
        return bytes >= NEEDED
                ? Result.ok(found)
                : Result.warn(found + ", " + Sizes.text(NEEDED) + " wanted", "end other programs");
    }
}
