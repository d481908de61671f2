package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// A fault of a device, and how it is ended.
///
/// @param kind of the device: `nvme`, `virtio-blk` or `virtio-net`
/// @param what it is, in words
/// @param produce `machine:fault` commands, separated by `; `; `rebind` stands for a new generation
/// @param end commands that end it, empty where it ends by itself
/// @param until what happens before it is ended
/// @param limit within which the request ends
record Fault(String kind, String what, String produce, String end, Until until, Duration limit) {
    /// Stands for the kind that is plugged anew.
    static final String PLUG = "plug";

    static final String REBIND = "rebind";

    private static final List<String> RACES =
            List.of("needs-reset", "all-ones", "surprise-removal");

    /// What happens before the end of a fault.
    enum Until {
        /// The request has ended.
        REQUEST_ENDED,
        /// The module is FAILED. The request may wait for the end.
        MODULE_FAILED,
        /// The disk or interface is absent, and the request has ended.
        ABSENT
    }

    /// A command of the machine's.
    record Command(String name, Map<String, String> options) {}

    static Fault of(String kind, String what, String produce, String end, double seconds) {
        return new Fault(kind, what, produce, end, Until.REQUEST_ENDED, duration(seconds));
    }

    static Fault fails(String kind, String what, String produce, String end, double seconds) {
        return new Fault(kind, what, produce, end, Until.MODULE_FAILED, duration(seconds));
    }

    static Fault removal(String kind, double seconds) {
        return new Fault(
                kind,
                "surprise removal",
                "surprise-removal",
                PLUG,
                Until.ABSENT,
                duration(seconds));
    }

    /// How the request ended, in the table's words. What a request meets is another thing before a
    /// watch has noticed the fault than afterwards.
    String ending(String request) {
        boolean racing = RACES.stream().anyMatch(produce::contains);
        if (racing && kind.equals("virtio-net")) {
            assertThat(request)
                    .as("%s", this)
                    .matches("(sent|not taken), (comes back|does not come back)");
            return "sent and comes back, or is lost";
        }
        if (until == Until.ABSENT) {
            assertThat(request)
                    .as("%s", this)
                    .matches(
                            "write (is not taken|fails: device is gone), read fails: device is gone");
            return "write fails: device is gone, read fails: device is gone";
        }
        if (produce.contains("all-ones")) {
            assertThat(request)
                    .as("%s", this)
                    .matches(
                            "write (succeeds|is not taken|fails: device is gone),"
                                    + " read (succeeds|fails: device is gone)(, same bytes)?");
            return "each succeeds, or fails: device is gone";
        }
        if (produce.contains("stuck-reset")) {
            assertThat(request)
                    .as("%s", this)
                    .matches(
                            "write (succeeds|fails: outcome unknown), read succeeds(, same"
                                    + " bytes)?");
            return "write succeeds, or fails if it was with the device: outcome unknown; read succeeds";
        }
        return request;
    }

    /// What became of the module, in the table's words.
    String healing(String module) {
        if (kind.equals("virtio-net") && produce.startsWith("used-id")) {
            // It may name another buffer that the device has.
            assertThat(module).as("%s", this).isIn("same generation", "new generation");
            return "new generation, at the latest when the buffer that was named comes back";
        }
        return module;
    }

    private static Duration duration(double seconds) {
        return Duration.ofMillis((long) (1000 * seconds));
    }

    static List<Command> commands(String text, String id) {
        List<Command> commands = new ArrayList<>();
        for (String command : text.split("; ", -1)) {
            if (command.isEmpty()) {
                continue;
            }
            String[] words = command.split(" ", -1);
            Map<String, String> options = new HashMap<>(Map.of("id", id));
            Stream.of(words)
                    .skip(1)
                    .map(w -> w.split("=", 2))
                    .forEach(pair -> options.put(pair[0], pair[1]));
            commands.add(new Command(words[0], options));
        }
        return commands;
    }
}
