package helix.hal.sim.virtio;

import helix.hal.api.machine.MachineControl.Choice;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Faults of what a network card receives.
final class NetFaults {
    static final List<Choice> CHOICES =
            List.of(
                    new Choice("link", "the link goes up or down; up=on|off"),
                    new Choice("announce", "the device asks the driver to announce itself"),
                    new Choice(
                            "short-packet",
                            "frames are received cut; bytes=N with the header (20), count=N (1)"),
                    new Choice(
                            "oversized-packet",
                            "frames are received larger than any; bytes=N (60000), count=N (1)"),
                    new Choice("num-buffers", "num_buffers is wrong; value=N (65535), count=N (1)"),
                    new Choice("drop-packet", "frames are lost; count=N (1)"));

    private long shortened;
    private int shortBytes;
    private long oversized;
    private int oversizedBytes;
    private long wrongBuffers;
    private int buffers;
    private long dropped;

    @Nullable String arm(String name, Options options) {
        long count = options.number("count", 1, 0, Long.MAX_VALUE);
        switch (name) {
            case "short-packet" -> {
                shortened = count;
                shortBytes = (int) options.number("bytes", 20, 1, 65535);
            }
            case "oversized-packet" -> {
                oversized = count;
                oversizedBytes = (int) options.number("bytes", 60_000, 64, 65_535);
            }
            case "num-buffers" -> {
                wrongBuffers = count;
                buffers = (int) options.number("value", 65_535, 0, 65_535);
            }
            case "drop-packet" -> dropped = count;
            default -> {
                return null;
            }
        }
        options.end();
        return name + ": " + count + " times";
    }

    /// How many bytes with the header are put into the receiver's buffers.
    int length(int real) {
        if (shortened > 0) {
            shortened--;
            return Math.min(real, shortBytes);
        }
        if (oversized > 0) {
            oversized--;
            return Math.max(real, oversizedBytes);
        }
        return real;
    }

    int numBuffers(int real) {
        if (wrongBuffers > 0) {
            wrongBuffers--;
            return buffers;
        }
        return real;
    }

    boolean drops() {
        if (dropped > 0) {
            dropped--;
            return true;
        }
        return false;
    }
}
