package helix.shell.doctor;

import helix.block.api.Disk;
import java.util.List;
import java.util.function.Supplier;

/// The disks of this instance.
///
/// @param disks those it has seen
record DisksCheck(Supplier<List<Disk>> disks) implements Check {
    @Override
    public String name() {
        return "disks";
    }

    @Override
    public Result run() {
        List<Disk> all = disks.get();
        List<String> absent = names(all, Disk.State.ABSENT);
        if (!absent.isEmpty()) {
            return Result.warn(
                    String.join(", ", absent) + " absent", "plug the same drive in again");
        }
        List<String> driverless = names(all, Disk.State.DRIVERLESS);
        if (!driverless.isEmpty()) {
            return Result.warn(
                    String.join(", ", driverless) + " without a driver",
                    "start the driver's bundle, or helix:rebind the device");
        }
        return Result.ok(all.size() + " present");
    }

    private static List<String> names(List<Disk> disks, Disk.State state) {
        return disks.stream().filter(d -> d.state() == state).map(Disk::name).toList();
    }
}
