package helix.shell.doctor;

import java.nio.file.Path;

/// Huge pages. Nothing needs them yet.
///
/// @param meminfo `/proc/meminfo`
record HugePagesCheck(Path meminfo) implements Check {
    @Override
    public String name() {
        return "huge pages";
    }

    @Override
    public Result run() {
        long total = MemoryInfo.field(meminfo, "HugePages_Total").orElse(0);
        return Result.ok(total == 0 ? "none reserved, none needed" : total + " reserved");
    }
}
