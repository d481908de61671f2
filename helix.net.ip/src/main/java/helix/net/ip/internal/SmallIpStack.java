package helix.net.ip.internal;

import helix.hal.api.Deadline;
import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.PortOptions;
import helix.net.api.ip.IpStack;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;

/// Opens an interface for each task, and closes it afterwards. Keeps addresses.
@Component
public final class SmallIpStack implements IpStack {
    private static final Duration DHCP = Duration.ofSeconds(10);
    private static final double NANOS = 1e9;
    private static final int HTTP_PORT = 80;

    private record Known(Lease lease, long until) {}

    private final Map<String, Known> leases = new ConcurrentHashMap<>();

    /// Makes one that knows no address.
    public SmallIpStack() {}

    private static IpLink open(NetworkInterface on, String user) {
        return new IpLink(on.open(user, PortOptions.usual(true)), on.macAddress());
    }

    @Override
    public Lease dhcp(NetworkInterface on, Duration limit) throws IOException {
        try (IpLink link = open(on, "net:dhcp")) {
            return ask(on, link, Deadline.after(limit));
        }
    }

    private Lease ask(NetworkInterface on, IpLink link, Deadline deadline) throws IOException {
        Lease lease = new DhcpClient(link).ask(deadline);
        long until =
                lease.seconds() == 0
                        ? Long.MAX_VALUE
                        : System.nanoTime() + Duration.ofSeconds(lease.seconds()).toNanos();
        leases.put(on.name(), new Known(lease, until));
        return lease;
    }

    @Override
    public Lease configure(NetworkInterface on, String address, @Nullable String gateway)
            throws IOException {
        int slash = address.indexOf('/');
        String bits = slash < 0 ? "" : address.substring(slash + 1);
        if (!bits.matches("[0-9]{1,2}") || Integer.parseInt(bits) > 32) {
            throw new IOException("'" + address + "' is no address with a prefix: 10.0.2.15/24");
        }
        String plain = Addresses.text(Addresses.parse(address.substring(0, slash)));
        String router = gateway == null ? null : Addresses.text(Addresses.parse(gateway));
        Lease lease = new Lease(plain, Integer.parseInt(bits), router, List.of(), null, 0);
        leases.put(on.name(), new Known(lease, Long.MAX_VALUE));
        return lease;
    }

    @Override
    public @Nullable Lease lease(NetworkInterface on) {
        Known known = leases.get(on.name());
        if (known == null) {
            return null;
        }
        boolean valid = known.until == Long.MAX_VALUE || known.until - System.nanoTime() > 0;
        return valid ? known.lease : null;
    }

    /// Gives a link its address.
    private void configure(NetworkInterface on, IpLink link) throws IOException {
        Lease lease = lease(on);
        if (lease == null) {
            Lease _ = ask(on, link, Deadline.after(DHCP));
            return;
        }
        String gateway = lease.gateway();
        link.configure(
                Addresses.parse(lease.address()),
                lease.prefix(),
                gateway == null ? Addresses.ANY : Addresses.parse(gateway));
    }

    @Override
    public PingReport ping(NetworkInterface on, String address, PingOptions options)
            throws IOException {
        int target = Addresses.parse(address);
        try (IpLink link = open(on, "net:ping")) {
            configure(on, link);
            return new Pinger(link, target, options.size()).ping(options);
        }
    }

    @Override
    public FetchReport fetch(
            NetworkInterface on, URI what, WritableByteChannel target, Duration limit)
            throws IOException {
        String scheme = what.getScheme() == null ? "" : what.getScheme().toLowerCase(Locale.ROOT);
        String host = what.getHost();
        String path = what.getRawPath() == null ? "" : what.getRawPath();
        if (host == null || !(scheme.equals("http") || scheme.equals("tftp"))) {
            throw new IOException(what + " is not http://ADDRESS/PATH or tftp://ADDRESS/NAME");
        }
        int server = Addresses.parse(host);
        Deadline deadline = Deadline.after(limit);
        try (IpLink link = open(on, "net:fetch")) {
            configure(on, link);
            long begin = System.nanoTime();
            if (scheme.equals("tftp")) {
                TftpClient tftp = new TftpClient(link, server);
                String decoded = what.getPath();
                long bytes = tftp.fetch(decoded, target, deadline);
                return report(bytes, begin, tftp.retransmissions(), 0);
            }
            int port = what.getPort() < 0 ? HTTP_PORT : what.getPort();
            TcpClient tcp = new TcpClient(link, server, port);
            HttpFetch http = new HttpFetch(tcp);
            String query = what.getRawQuery() == null ? "" : "?" + what.getRawQuery();
            String file = path.isEmpty() ? "/" : path;
            long bytes = http.fetch(what.getRawAuthority(), file + query, target, deadline);
            return report(bytes, begin, tcp.retransmissions(), http.status());
        }
    }

    private static FetchReport report(long bytes, long begin, long again, int status) {
        return new FetchReport(bytes, (System.nanoTime() - begin) / NANOS, again, status);
    }
}
