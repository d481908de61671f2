package helix.shell.net;

import helix.net.api.capture.PacketCapture;
import helix.net.api.capture.PacketCapture.Capture;
import helix.net.api.capture.PacketCapture.Counters;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Sizes;
import helix.shell.Table;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Captures what passes an interface.
@Command(
        description = {
            "Captures frames into a pcapng file.",
            "Without --seconds and --count it goes on until net:capture --stop FILE."
        })
public final class CaptureFrames extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("NAME", Row::name)
                    .number("FRAMES", Row::frames)
                    .number("BYTES", r -> Sizes.text(r.bytes()))
                    .number("DROPPED", Row::dropped)
                    .column("FILE", Row::file);

    private final Platform platform;

    @Parameters(arity = "0..1", paramLabel = "<interface>", description = "Which interface.")
    private @Nullable String name;

    @Option(names = "--out", paramLabel = "<file>", description = "Where they go.")
    private @Nullable String target;

    @Option(
            names = "--seconds",
            paramLabel = "<seconds>",
            description = "For how long; with --count the longest wait.")
    private @Nullable Double seconds;

    @Option(
            names = "--count",
            paramLabel = "<number>",
            defaultValue = "0",
            description = "How many frames.")
    private long count;

    @Option(
            names = "--snaplen",
            paramLabel = "<bytes>",
            defaultValue = "0",
            description = "The most bytes kept of a frame; 0 for all.")
    private int snapLength;

    @Option(names = "--list", description = "List what is being captured.")
    private boolean list;

    @Option(names = "--stop", paramLabel = "<file>", description = "End the capture into FILE.")
    private @Nullable String stop;

    /// A capture.
    ///
    /// @param name the interface
    /// @param file where the frames go
    /// @param frames how many
    /// @param bytes kept of them
    /// @param dropped came too fast
    record Row(String name, String file, long frames, long bytes, long dropped) {
        static Row of(Capture capture) {
            Counters c = capture.counters();
            return new Row(
                    capture.of().name(),
                    capture.file().toString(),
                    c.frames(),
                    c.bytes(),
                    c.dropped());
        }
    }

    /// Makes the command.
    ///
    /// @param platform where to act
    public CaptureFrames(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) throws IOException, InterruptedException {
        PacketCapture captures = platform.requirePacketCapture();
        if (list) {
            List<Row> rows = captures.captures().stream().map(Row::of).toList();
            if (!out.json(rows)) {
                TABLE.print(out, rows);
            }
        } else if (stop != null) {
            Capture capture = find(captures, stop);
            capture.close();
            print(out, capture);
        } else {
            capture(captures, out);
        }
    }

    private Capture find(PacketCapture captures, String file) {
        return captures.captures().stream()
                .filter(c -> c.file().equals(file(file).toAbsolutePath()))
                .findFirst()
                .orElseThrow(() ->
                        Platform.unknown(
                                "capture into",
                                file,
                                captures.captures().stream()
                                        .map(c -> c.file().toString())
                                        .toList()));
    }

    private void capture(PacketCapture captures, Output out)
            throws IOException, InterruptedException {
        if (name == null || target == null) {
            throw new CommandFailed("capture what, and where? net:capture IF --out FILE.pcapng");
        }
        if (snapLength < 0 || count < 0) {
            throw new CommandFailed("--snaplen and --count are not negative");
        }
        Capture capture =
                captures.start(
                        platform.networkInterface(name),
                        file(target).toAbsolutePath(),
                        snapLength,
                        count);
        if (seconds == null && count == 0) {
            print(out, capture);
            return;
        }
        try (capture) {
            long nanos =
                    seconds == null
                            ? TimeUnit.DAYS.toNanos(1)
                            : InterfaceReport.duration("--seconds", seconds).toNanos();
            boolean _ = capture.await(nanos);
        }
        print(out, capture);
    }

    private static void print(Output out, Capture capture) {
        Row row = Row.of(capture);
        if (!out.json(row)) {
            out.line(
                    row.frames()
                            + " frames of "
                            + row.name()
                            + ", "
                            + row.dropped()
                            + " dropped, into "
                            + row.file());
        }
    }
}
