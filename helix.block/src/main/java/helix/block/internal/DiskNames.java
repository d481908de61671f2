package helix.block.internal;

import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Chooses names for disks.
final class DiskNames {
    /// Letters, the number to count up, and the rest: `nvme` `0` `n1`.
    private static final Pattern SHAPE = Pattern.compile("([^0-9]*)([0-9]{1,9})(.*)");

    private DiskNames() {}

    /// The wished name, or the next one of the same shape that is not taken: after `nvme0n1` comes
    /// `nvme1n1`.
    static String next(String wished, Set<String> taken) {
        if (!taken.contains(wished)) {
            return wished;
        }
        Matcher shape = SHAPE.matcher(wished);
        boolean numbered = shape.matches();
        String head = numbered ? shape.group(1) : wished;
        String tail = numbered ? shape.group(3) : "";
        int number = numbered ? Integer.parseInt(shape.group(2)) : 0;
        String name = wished;
        while (taken.contains(name)) {
            number++;
            name = head + number + tail;
        }
        return name;
    }
}
