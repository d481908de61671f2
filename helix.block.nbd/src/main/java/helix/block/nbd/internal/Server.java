package helix.block.nbd.internal;

import helix.block.api.Disk;
import helix.block.api.nbd.NbdExport;
import helix.block.api.nbd.NbdServer;
import java.io.IOException;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;

/// The exports there are.
@Component(service = NbdServer.class)
public final class Server implements NbdServer, AutoCloseable {
    private static final int MAX_NAME = 255;

    private static final Duration HANDSHAKE = Duration.ofSeconds(10);

    private final Map<String, Export> exports = new TreeMap<>();
    private final Duration handshake;

    /// Made by Declarative Services.
    @Activate
    public Server() {
        this(HANDSHAKE);
    }

    /// @param handshake how long a client may take to choose an export
    Server(Duration handshake) {
        this.handshake = handshake;
    }

    @Override
    public NbdExport serve(Disk disk, SocketAddress address, String name, boolean readOnly)
            throws IOException {
        if (name.isEmpty() || name.length() > MAX_NAME) {
            throw new IllegalArgumentException(
                    "name of " + name.length() + " characters, wanted 1 to " + MAX_NAME);
        }
        synchronized (exports) {
            Export other = exports.get(name);
            if (other != null) {
                throw new IllegalArgumentException(
                        "there is an export '" + name + "' already: " + other.uri());
            }
            Export export = open(disk, address, name, readOnly);
            exports.put(name, export);
            export.start();
            return export;
        }
    }

    private Export open(Disk disk, SocketAddress address, String name, boolean readOnly)
            throws IOException {
        Disk.OpenMode mode = readOnly ? Disk.OpenMode.READ : Disk.OpenMode.WRITE_SHARED;
        Disk.Access access = disk.open(mode, "nbd export " + name);
        try {
            return new Export(
                    name, readOnly, access, Listener.open(address), handshake, this::closed);
        } catch (IOException | RuntimeException e) {
            access.close();
            throw e;
        }
    }

    private void closed(Export export) {
        synchronized (exports) {
            exports.remove(export.name(), export);
        }
    }

    @Override
    public List<NbdExport> exports() {
        return List.copyOf(snapshot());
    }

    private List<Export> snapshot() {
        synchronized (exports) {
            return List.copyOf(exports.values());
        }
    }

    /// Ends all exports.
    @Override
    @Deactivate
    public void close() {
        snapshot().forEach(Export::close);
    }
}
