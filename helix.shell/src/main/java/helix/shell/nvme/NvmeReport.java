package helix.shell.nvme;

import helix.modules.api.Request;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import picocli.CommandLine.Parameters;

/// A question to the NVMe driver; its answer has the specification's field names.
abstract class NvmeReport extends Report {
    private static final String DRIVER = "nvme";

    private final Platform platform;

    @Parameters(
            paramLabel = "<nvme>",
            description = "Controller (nvme0), its address, or a disk of it (nvme0n1).")
    private String device = "";

    NvmeReport(Platform platform) {
        this.platform = platform;
    }

    /// What to ask for.
    ///
    /// @param namespace the namespace of the disk that was named, empty if none was
    abstract Request request(OptionalInt namespace);

    @Override
    public final void run(Output out) {
        Binder binder = platform.requireBinder();
        String id = platform.deviceId(device);
        ModuleStatus module =
                binder.module(id)
                        .filter(m -> m.driver().equals(DRIVER))
                        .orElseThrow(
                                () -> new CommandFailed("'" + device + "' is not an nvme device"));
        if (module.state() != Binder.State.RUNNING) {
            throw new CommandFailed(
                    "%s is %s%s"
                            .formatted(
                                    module.name(),
                                    module.state(),
                                    module.reason().isEmpty() ? "" : ": " + module.reason()));
        }
        OptionalInt namespace =
                platform.disks().stream()
                        .filter(d -> d.name().equals(device))
                        .mapToInt(d -> d.identity().namespace())
                        .findFirst();
        Object answer = binder.request(id, request(namespace));
        if (!out.json(answer)) {
            print(out, answer, "");
        }
    }

    private static void print(Output out, Object value, String indent) {
        switch (value) {
            case Map<?, ?> map -> printFields(out, map, indent);
            case List<?> list when list.isEmpty() -> out.line(indent + "none");
            case List<?> list -> {
                for (int i = 0; i < list.size(); i++) {
                    Object element = list.get(i);
                    if (isShort(element)) {
                        out.line(indent + "[" + i + "] " + text(element));
                    } else {
                        out.line(indent + "[" + i + "]");
                        print(out, element, indent + "  ");
                    }
                }
            }
            default -> out.line(indent + text(value));
        }
    }

    private static void printFields(Output out, Map<?, ?> map, String indent) {
        int width = map.keySet().stream().mapToInt(k -> k.toString().length()).max().orElse(0);
        map.forEach((key, value) -> {
            String name = key + " ".repeat(width - key.toString().length());
            if (value instanceof Map || (value instanceof List<?> l && !l.isEmpty())) {
                out.line(indent + name + " :");
                print(out, value, indent + "  ");
            } else {
                out.line(indent + name + " : " + text(value));
            }
        });
    }

    /// Whether a list's element fits on a line: a value, or a small flat map such as a namespace's
    /// format.
    private static boolean isShort(Object element) {
        return switch (element) {
            case Map<?, ?> map ->
                    map.size() <= 6
                            && map.values().stream()
                                    .noneMatch(v -> v instanceof Map || v instanceof List);
            case List<?> list -> list.isEmpty();
            default -> true;
        };
    }

    private static String text(Object value) {
        return switch (value) {
            case byte[] bytes -> HexFormat.of().formatHex(bytes);
            case List<?> list when list.isEmpty() -> "none";
            case Map<?, ?> map ->
                    map.entrySet().stream()
                            .map(e -> e.getKey() + "=" + text(e.getValue()))
                            .collect(Collectors.joining(" "));
            default -> value.toString().strip();
        };
    }
}
