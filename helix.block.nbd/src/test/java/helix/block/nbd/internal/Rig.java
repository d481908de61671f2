package helix.block.nbd.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.api.nbd.NbdExport;
import helix.hal.api.Deadline;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;

/// A served disk. Closing it checks that nothing is left: no thread, memory, queue or opener.
final class Rig implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    final TestDisk disk;
    final Server server;
    final NbdExport export;
    final SocketAddress address;

    Rig(Path folder, TestDisk disk, boolean readOnly) throws IOException {
        this(folder, disk, readOnly, new Server());
    }

    Rig(Path folder, TestDisk disk, boolean readOnly, Server server) throws IOException {
        this.disk = disk;
        this.server = server;
        address = UnixDomainSocketAddress.of(folder.resolve("s"));
        export = server.serve(disk, address, "nvme0n1", readOnly);
    }

    Client connect() throws IOException {
        return new Client(address);
    }

    Client go() throws IOException {
        return Client.go(address, false);
    }

    Client goStructured() throws IOException {
        return Client.go(address, true);
    }

    /// Waits until something is so; a connection ends a moment after its client saw it end.
    static void await(String what, BooleanSupplier condition) {
        Deadline deadline = Deadline.after(LIMIT);
        while (!condition.getAsBoolean()) {
            assertThat(deadline.isExpired()).as("in time: %s", what).isFalse();
            Thread.onSpinWait();
        }
    }

    void awaitNobody() {
        await("no connection", () -> export.statistics().connections() == 0);
        assertThat(disk.device.queuesOpen()).isZero();
        await("memory given back", () -> disk.device.buffersInUse() == 0);
    }

    static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(n -> n.startsWith("nbd nvme0n1"))
                .toList();
    }

    @Override
    public void close() {
        server.close();
        awaitNobody();
        assertThat(disk.users).isEmpty();
        assertThat(server.exports()).isEmpty();
        await("no thread", () -> threads().isEmpty());
    }
}
