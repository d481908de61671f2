package helix.shell.blk;

import helix.block.api.Disk;
import helix.hal.api.DeviceGoneException;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.blk.engine.CancelSignal;
import picocli.CommandLine.Parameters;

/// A command about one disk.
abstract class DiskReport extends Report {
    /// Ctrl-C interrupts the thread that runs the command.
    static final CancelSignal ON_INTERRUPT = () -> Thread.currentThread().isInterrupted();

    final Platform platform;

    @Parameters(paramLabel = "<disk>", description = "A disk that helix:lsblk lists.")
    private String name = "";

    DiskReport(Platform platform) {
        this.platform = platform;
    }

    /// The disk, whose device is there.
    final Disk disk() {
        if (platform.disks().isEmpty()) {
            platform.requireMachine();
        }
        Disk disk = platform.disk(name);
        if (disk.state() == Disk.State.ABSENT) {
            throw new DeviceGoneException(name + " is absent");
        }
        return disk;
    }
}
