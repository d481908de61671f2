package helix.benchmarks;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.felix.service.command.CommandSession;
import org.jspecify.annotations.Nullable;

/// How a benchmark is run, and where its report goes.
///
/// @param json whether JSON is printed
/// @param check whether missing a bound is an error
/// @param results the directory in which the report is kept, null for none
record BenchOptions(boolean json, boolean check, @Nullable Path results) {
    private static final DateTimeFormatter STAMP =
            DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss").withZone(ZoneOffset.UTC);

    static BenchOptions parse(String benchmark, List<Object> arguments) {
        boolean json = false;
        boolean check = false;
        Path results = null;
        for (Object argument : arguments) {
            String text = String.valueOf(argument);
            if (text.equals("--json")) {
                json = true;
            } else if (text.equals("--check")) {
                check = true;
            } else if (text.startsWith("--results=")) {
                results = Path.of(text.substring("--results=".length()));
            } else {
                throw new IllegalArgumentException(
                        "bench:%s: unknown option %s (there are --json, --check and --results=DIR)"
                                .formatted(benchmark, text));
            }
        }
        return new BenchOptions(json, check, results);
    }

    /// The beginning of a report: what it was measured on.
    static Map<String, Object> environment(String benchmark) throws IOException {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("benchmark", benchmark);
        report.put("time", Instant.now().toString());
        report.put("java", System.getProperty("java.vm.version"));
        report.put("kernel", System.getProperty("os.version"));
        report.put("processors", Runtime.getRuntime().availableProcessors());
        report.put("processor", processor());
        report.put("load", Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0]);
        return report;
    }

    private static String processor() throws IOException {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(l -> l.startsWith("model name"))
                    .map(l -> l.substring(l.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("unknown");
        }
    }

    /// Prints a report, and keeps it.
    void publish(
            CommandSession session,
            Map<String, Object> report,
            Function<Map<String, Object>, String> text)
            throws IOException {
        session.getConsole().println(json ? new Gson().toJson(report) : text.apply(report));
        Path directory = results;
        if (directory != null) {
            Files.createDirectories(directory);
            Path file =
                    directory.resolve(
                            report.get("benchmark") + "-" + STAMP.format(Instant.now()) + ".json");
            Files.writeString(
                    file, new GsonBuilder().setPrettyPrinting().create().toJson(report) + "\n");
        }
    }
}
