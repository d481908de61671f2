package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Faults of a disk's medium and of its power.
final class BlkFaults {
    static final List<Choice> CHOICES =
            List.of(
                    new Choice(
                            "media-error",
                            "requests end with IOERR; count=N (1), op=read|write|any (any),"
                                    + " sector=N and sectors=N (1) where it matters which; count=0"
                                    + " ends it"),
                    new Choice(
                            "power-cut",
                            "with the N-th write from now on (at=N, 1) power is lost: what was not"
                                    + " flushed may be gone, lost=PERCENT (50), nothing in flight"
                                    + " ends, the device needs a reset"),
                    new Choice("resize", "the disk has another size=BYTES"));

    private boolean failing;
    private boolean reads;
    private boolean writes;
    private long failures;
    private long first = -1;
    private long sectors;
    private long untilCut = -1;
    private int lost;
    private boolean cut;

    @Nullable String arm(String name, Options options) {
        return switch (name) {
            case "media-error" -> mediaError(options);
            case "power-cut" -> powerCut(options);
            default -> null;
        };
    }

    private String mediaError(Options options) {
        failures = options.number("count", 1, 0, Long.MAX_VALUE);
        first = options.number("sector", -1, -1, Long.MAX_VALUE);
        sectors = options.number("sectors", 1, 1, Long.MAX_VALUE);
        String op = options.text("op", "any");
        options.end();
        if (!List.of("read", "write", "any").contains(op)) {
            throw new DeviceException("op is read, write or any, not " + op);
        }
        reads = !op.equals("write");
        writes = !op.equals("read");
        failing = failures > 0;
        return "media error for " + failures + " requests";
    }

    private String powerCut(Options options) {
        untilCut = options.number("at", 1, 1, Long.MAX_VALUE);
        lost = (int) options.number("lost", 50, 0, 100);
        options.end();
        return "power is lost with write " + untilCut;
    }

    /// Whether a request fails.
    boolean fails(boolean write, long sector, long count) {
        return failing && failsNow(write, sector, count);
    }

    private boolean failsNow(boolean write, long sector, long count) {
        if (!(write ? writes : reads)
                || (first >= 0 && (sector >= first + sectors || sector + count <= first))) {
            return false;
        }
        failing = --failures > 0;
        return true;
    }

    /// Counts a write.
    ///
    /// @return whether it is the one with which power is lost
    boolean countsToCut() {
        if (untilCut < 0 || --untilCut > 0) {
            return false;
        }
        untilCut = -1;
        cut = true;
        return true;
    }

    int lost() {
        return lost;
    }

    /// Whether there is no power until the next reset.
    boolean isCut() {
        return cut;
    }

    void powerBack() {
        cut = false;
    }
}
