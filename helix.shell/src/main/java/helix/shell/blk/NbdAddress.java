package helix.shell.blk;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.InvalidPathException;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Where to serve, as a person writes it: `unix:PATH`, `tcp:PORT`, `tcp:HOST:PORT`.
final class NbdAddress implements ITypeConverter<SocketAddress> {
    private static final String LOOPBACK = "127.0.0.1";
    private static final int MAX_PORT = 0xFFFF;

    @Override
    public SocketAddress convert(String text) {
        if (text.startsWith("unix:") && text.length() > "unix:".length()) {
            return unix(text.substring("unix:".length()));
        }
        if (text.startsWith("tcp:")) {
            return tcp(text.substring("tcp:".length()));
        }
        throw new TypeConversionException(
                "'" + text + "' is no address (expected unix:PATH or tcp:[HOST:]PORT)");
    }

    private static SocketAddress unix(String path) {
        try {
            return UnixDomainSocketAddress.of(path);
        } catch (InvalidPathException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }

    private static SocketAddress tcp(String text) {
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? LOOPBACK : text.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        try {
            int port = Integer.parseInt(text.substring(colon + 1));
            InetAddress address = InetAddress.getByName(host);
            if (port >= 0 && port <= MAX_PORT && !host.isEmpty()) {
                return new InetSocketAddress(address, port);
            }
        } catch (UnknownHostException e) {
            throw new TypeConversionException("unknown host '" + host + "'");
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new TypeConversionException(
                "'" + text + "' is no [HOST:]PORT with a port of 0 to " + MAX_PORT);
    }
}
