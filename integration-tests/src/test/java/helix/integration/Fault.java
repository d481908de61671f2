package helix.integration;

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
record Fault(
        String kind, String what, String produce, String end, Until until, Duration limit) {
    /// Stands for the kind that is plugged anew.
    static final String PLUG = "plug";

    static final String REBIND = "rebind";

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
