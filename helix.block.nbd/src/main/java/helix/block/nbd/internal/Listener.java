package helix.block.nbd.internal;

import java.io.IOException;
import java.net.BindException;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.URLEncoder;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Where an export listens.
final class Listener implements AutoCloseable {
    /// `sun_path` has 108 bytes, the last of them 0.
    private static final int MAX_PATH = 107;

    private static final int S_IFMT = 0xF000;
    private static final int S_IFSOCK = 0xC000;

    private final ServerSocketChannel server;
    private final SocketAddress address;

    /// The socket's file and what tells it from another one of the same name.
    private final @Nullable Path file;

    private final @Nullable Object fileKey;

    private Listener(ServerSocketChannel server, @Nullable Path file) throws IOException {
        this.server = server;
        address = server.getLocalAddress();
        this.file = file;
        fileKey = file == null ? null : key(file);
    }

    /// Begins to listen.
    ///
    /// @throws IllegalArgumentException if it is no place that only this computer reaches
    static Listener open(SocketAddress address) throws IOException {
        return switch (address) {
            case UnixDomainSocketAddress unix -> openUnix(unix.getPath().toAbsolutePath());
            case InetSocketAddress inet -> openTcp(inet);
            default -> throw new IllegalArgumentException(address + " is no address for NBD");
        };
    }

    private static Listener openTcp(InetSocketAddress address) throws IOException {
        InetAddress host = address.getAddress();
        if (host == null) {
            throw new IllegalArgumentException("unknown host " + address.getHostString());
        }
        if (!host.isLoopbackAddress()) {
            throw new IllegalArgumentException(
                    address.getHostString()
                            + " is not this computer's loopback address: there is no TLS, so NBD"
                            + " is served on 127.0.0.1 or ::1 only");
        }
        ServerSocketChannel server = ServerSocketChannel.open();
        try {
            server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            server.bind(address);
            return new Listener(server, null);
        } catch (IOException e) {
            server.close();
            throw e instanceof SocketException
                    ? new IOException(
                            "cannot listen on "
                                    + host.getHostAddress()
                                    + " port "
                                    + address.getPort()
                                    + ": "
                                    + e.getMessage(),
                            e)
                    : e;
        }
    }

    private static Listener openUnix(Path file) throws IOException {
        int length = file.toString().getBytes(StandardCharsets.UTF_8).length;
        if (length > MAX_PATH) {
            throw new IllegalArgumentException(
                    file + " is too long for a socket: " + length + " bytes, most=" + MAX_PATH);
        }
        UnixDomainSocketAddress address = UnixDomainSocketAddress.of(file);
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            clearAway(file, address);
        }
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            server.bind(address);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
            return new Listener(server, file);
        } catch (SocketException e) {
            server.close();
            throw new IOException("cannot listen on " + file + ": " + e.getMessage(), e);
        } catch (IOException e) {
            server.close();
            throw e;
        }
    }

    /// Removes a socket that nobody listens to any more.
    private static void clearAway(Path file, UnixDomainSocketAddress address) throws IOException {
        int mode = (int) Files.getAttribute(file, "unix:mode", LinkOption.NOFOLLOW_LINKS);
        if ((mode & S_IFMT) != S_IFSOCK) {
            throw new BindException(file + " exists and is not a socket");
        }
        boolean alive;
        try (SocketChannel _ = SocketChannel.open(address)) {
            alive = true;
        } catch (IOException e) {
            // Nobody listens, which is what "connection refused" means here.
            alive = false;
        }
        if (alive) {
            throw new BindException(file + " is in use: somebody listens there");
        }
        Files.delete(file);
    }

    private static @Nullable Object key(Path file) throws IOException {
        return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .fileKey();
    }

    /// Waits for a client.
    SocketChannel accept() throws IOException {
        SocketChannel client = server.accept();
        if (file == null) {
            try {
                client.setOption(StandardSocketOptions.TCP_NODELAY, true);
            } catch (IOException e) {
                client.close();
                throw e;
            }
        }
        return client;
    }

    boolean isOpen() {
        return server.isOpen();
    }

    /// How clients find an export here.
    String uri(String export) {
        String name = encode(export);
        if (address instanceof InetSocketAddress inet) {
            String host = inet.getAddress().getHostAddress();
            if (inet.getAddress() instanceof Inet6Address) {
                host = "[" + host + "]";
            }
            return "nbd://" + host + ":" + inet.getPort() + "/" + name;
        }
        return "nbd+unix:///" + name + "?socket=" + encode(String.valueOf(file));
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8)
                .replace("+", "%20")
                .replace("%2F", "/");
    }

    @Override
    public void close() throws IOException {
        server.close();
        if (file != null
                && Files.exists(file, LinkOption.NOFOLLOW_LINKS)
                && Objects.equals(key(file), fileKey)) {
            Files.delete(file);
        }
    }
}
