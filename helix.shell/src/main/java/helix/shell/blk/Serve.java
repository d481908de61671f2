package helix.shell.blk;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdExport;
import helix.block.api.nbd.NbdServer;
import helix.shell.CommandFailed;
import helix.shell.Output;
import helix.shell.Platform;
import helix.shell.Report;
import helix.shell.Sizes;
import helix.shell.Table;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Serves a disk to other programs, and goes on while the shell does other things.
@Command(
        description = {
            "Serves a disk to other programs of this computer until blk:unserve.",
            "Prints the URI by which they find it."
        })
public final class Serve extends Report {
    private static final Table<Row> TABLE =
            new Table<Row>()
                    .column("NAME", Row::name)
                    .column("DISK", Row::disk)
                    .column("MODE", r -> r.readOnly() ? "read-only" : "read-write")
                    .number("CLIENTS", Row::connections)
                    .number("REQUESTS", Row::requests)
                    .number("ERRORS", Row::errors)
                    .number("READ", r -> Sizes.text(r.bytesRead()))
                    .number("WRITTEN", r -> Sizes.text(r.bytesWritten()))
                    .column("URI", Row::uri);

    private final Platform platform;

    @Parameters(arity = "0..1", paramLabel = "<disk>", description = "Which disk.")
    private @Nullable String name;

    @Option(
            names = "--nbd",
            paramLabel = "<address>",
            converter = NbdAddress.class,
            description = "By NBD, at unix:PATH or tcp:[HOST:]PORT; HOST is a loopback address.")
    private @Nullable SocketAddress nbd;

    @Option(names = "--read-only", description = "Clients may only read.")
    private boolean readOnly;

    @Option(
            names = "--name",
            paramLabel = "<name>",
            description = "What clients ask for; by default the disk's name.")
    private @Nullable String export;

    @Option(names = "--list", description = "List what is served.")
    private boolean list;

    @Option(
            names = "--stop",
            paramLabel = "<export>",
            description = "Serve that no more; the same as blk:unserve.")
    private @Nullable String stop;

    /// What is served.
    ///
    /// @param name what clients ask for
    /// @param disk the disk
    /// @param readOnly whether clients may only read
    /// @param uri how they find it
    /// @param connections how many are there
    /// @param requests how many requests were answered
    /// @param errors how many of these with an error
    /// @param bytesRead bytes sent to clients
    /// @param bytesWritten bytes taken from clients
    /// @param violations how many clients were cut off because they did not speak NBD
    record Row(
            String name,
            String disk,
            boolean readOnly,
            String uri,
            int connections,
            long requests,
            long errors,
            long bytesRead,
            long bytesWritten,
            long violations) {
        static Row of(NbdExport export) {
            NbdExport.Statistics s = export.statistics();
            return new Row(
                    export.name(),
                    export.disk().name(),
                    export.readOnly(),
                    export.uri(),
                    s.connections(),
                    s.requests(),
                    s.errors(),
                    s.bytesRead(),
                    s.bytesWritten(),
                    s.violations());
        }
    }

    /// Makes the command.
    ///
    /// @param platform where to act
    public Serve(Platform platform) {
        this.platform = platform;
    }

    @Override
    public void run(Output out) throws IOException {
        NbdServer server = platform.requireNbdServer();
        if (list) {
            List<Row> rows = server.exports().stream().map(Row::of).toList();
            if (!out.json(rows)) {
                TABLE.print(out, rows);
            }
        } else if (stop != null) {
            Unserve.stop(server, stop, out);
        } else {
            serve(server, out);
        }
    }

    private void serve(NbdServer server, Output out) throws IOException {
        if (name == null || nbd == null) {
            throw new CommandFailed(
                    "serve what, and where? blk:serve DISK --nbd unix:PATH | tcp:[HOST:]PORT");
        }
        Disk disk = platform.disk(name);
        SocketAddress address =
                nbd instanceof UnixDomainSocketAddress unix
                        ? UnixDomainSocketAddress.of(file(unix.getPath().toString()))
                        : nbd;
        String asked = export == null ? disk.name() : export;
        Row row = Row.of(server.serve(disk, address, asked, readOnly));
        if (!out.json(row)) {
            out.line(row.uri());
        }
    }
}
