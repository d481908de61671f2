package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Faults that every virtio device of this machine can produce. Each fires a number of times, and
/// then no more.
final class Faults {
    static final int USED_ID = 0;
    static final int USED_LENGTH = 1;
    static final int INDEX_JUMP = 2;
    static final int DROP_USED = 3;
    static final int DUPLICATE_USED = 4;
    static final int SWALLOW = 5;
    static final int CONFIG_CHANGE = 6;
    private static final List<String> NAMES =
            List.of(
                    "used-id",
                    "used-length",
                    "index-jump",
                    "drop-used",
                    "duplicate-used",
                    "swallow",
                    "config-change");
    private static final String OPTIONS = "; count=N (1), queue=N (any); count=0 ends it";

    private final int[] left = new int[NAMES.size()];
    private final int[] queue = new int[NAMES.size()];
    private boolean armed;
    private long delay;
    private boolean resetHangs;

    static List<Choice> choices() {
        return List.of(
                new Choice("used-id", "an id that is not in flight in the used ring" + OPTIONS),
                new Choice("used-length", "a used length that no buffer has" + OPTIONS),
                new Choice("index-jump", "the used index runs away" + OPTIONS),
                new Choice("drop-used", "a buffer that is never marked used" + OPTIONS),
                new Choice("duplicate-used", "a buffer that is marked used twice" + OPTIONS),
                new Choice("swallow", "a request that is never answered" + OPTIONS),
                new Choice(
                        "config-change",
                        "the configuration changes while it is read; count=N reads (1)"),
                new Choice("needs-reset", "the device sets DEVICE_NEEDS_RESET"),
                new Choice(
                        "reset-hang",
                        "a reset by status that is never confirmed; off=true ends it, as does a"
                                + " reset of the function"),
                new Choice("slow", "buffers are used later; us=N microseconds, 0 ends it"));
    }

    /// Whether a fault happens now.
    boolean fires(int fault, int onQueue) {
        return armed && firesNow(fault, onQueue);
    }

    private boolean firesNow(int fault, int onQueue) {
        if (left[fault] == 0 || (queue[fault] >= 0 && queue[fault] != onQueue)) {
            return false;
        }
        left[fault]--;
        return true;
    }

    /// Whether nothing ever was asked for, so that the fast way can be taken.
    boolean isArmed() {
        return armed;
    }

    /// By how many nanoseconds the end of a request is delayed.
    long delay() {
        return delay;
    }

    boolean resetHangs() {
        return resetHangs;
    }

    /// A reset of the function ends what would keep it from working.
    void functionReset() {
        resetHangs = false;
    }

    /// Arms a fault.
    ///
    /// @return what was done, null if it is none of these
    @Nullable String arm(String name, Map<String, String> options) {
        int fault = NAMES.indexOf(name);
        if (fault >= 0) {
            Options given = new Options(options);
            left[fault] = (int) given.number("count", 1, 0, Integer.MAX_VALUE);
            queue[fault] = (int) given.number("queue", -1, -1, 0xFFFF);
            given.end();
            armed = true;
            return name + ": " + left[fault] + " times";
        }
        Options given = new Options(options);
        if ("slow".equals(name)) {
            delay = given.number("us", 1000, 0, 1_000_000_000L) * 1000;
            given.end();
            armed = true;
            return "slow: " + delay / 1000 + " us";
        }
        if ("reset-hang".equals(name)) {
            resetHangs = !given.flag("off", false);
            given.end();
            return resetHangs ? "resets hang" : "resets end";
        }
        return null;
    }

    static DeviceException unknown(String name) {
        return new DeviceException("no fault " + name);
    }
}
