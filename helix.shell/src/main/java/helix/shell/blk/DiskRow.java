package helix.shell.blk;

import helix.block.api.Disk;
import helix.block.api.Disk.Backing;
import helix.driver.api.block.BlockIdentity;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A disk as `helix:lsblk` shows it.
///
/// @param name its stable name
/// @param state `present`, `driverless` or `absent`
/// @param size in bytes
/// @param blockSize in bytes
/// @param model as reported
/// @param serial as reported
/// @param firmware as reported
/// @param namespace its number
/// @param device the device behind it, null while there is none
/// @param driver that device's driver, null while there is none
/// @param generation that driver's generation, null while there is none
/// @param users who has it open
public record DiskRow(
        String name,
        String state,
        long size,
        int blockSize,
        String model,
        String serial,
        String firmware,
        int namespace,
        @Nullable String device,
        @Nullable String driver,
        @Nullable Long generation,
        List<User> users) {
    /// Who has a disk open.
    ///
    /// @param name as given when opened
    /// @param mode `read`, `write-exclusive` or `write-shared`
    public record User(String name, String mode) {
        @Override
        public String toString() {
            return name + " (" + mode + ")";
        }
    }

    /// Looks at a disk.
    ///
    /// @param disk which
    /// @return how it is now
    public static DiskRow of(Disk disk) {
        BlockIdentity identity = disk.identity();
        Backing backing = disk.backing().orElse(null);
        return new DiskRow(
                disk.name(),
                word(disk.state()),
                disk.totalBlocks() * disk.blockSize(),
                disk.blockSize(),
                identity.model(),
                identity.serial(),
                identity.firmware(),
                identity.namespace(),
                backing == null ? null : backing.device(),
                backing == null ? null : backing.driver(),
                backing == null ? null : backing.generation(),
                disk.users().stream().map(u -> new User(u.name(), word(u.mode()))).toList());
    }

    private static String word(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
