package helix.net.api.ip;

import helix.net.api.NetworkInterface;
import java.io.IOException;
import java.net.URI;
import java.nio.channels.WritableByteChannel;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.osgi.annotation.versioning.ProviderType;

/// A small IPv4 stack over a [NetworkInterface], one task at a time on each. Where an interface has
/// no address yet, it is asked for by DHCP. A service; any thread, which waits.
@ProviderType
public interface IpStack {
    /// Asks for an address by DHCP; it is used from then on.
    ///
    /// @param on the interface, which nobody has open
    /// @param limit the longest wait
    /// @return what was given
    /// @throws IOException if nobody answers, or the interface is in use
    Lease dhcp(NetworkInterface on, Duration limit) throws IOException;

    /// Gives an interface an address by hand.
    ///
    /// @param on the interface
    /// @param address such as `10.0.2.15/24`
    /// @param gateway an address in that network, null if there is none
    /// @return what is used from then on
    /// @throws IOException if the addresses are none
    Lease configure(NetworkInterface on, String address, @Nullable String gateway)
            throws IOException;

    /// The address of an interface.
    ///
    /// @param on the interface
    /// @return null if it has none
    @Nullable Lease lease(NetworkInterface on);

    /// Sends ICMP echo requests and awaits the replies.
    ///
    /// @param on the interface
    /// @param address an IPv4 address
    /// @param options how many, how often
    /// @return what came back
    /// @throws IOException if the address cannot be reached at all
    PingReport ping(NetworkInterface on, String address, PingOptions options) throws IOException;

    /// Fetches a file.
    ///
    /// @param on the interface
    /// @param what `http://ADDRESS[:PORT]/PATH` or `tftp://ADDRESS/NAME`
    /// @param target where its bytes go
    /// @param limit how long it may take
    /// @return what was fetched
    /// @throws IOException if it could not be fetched
    FetchReport fetch(NetworkInterface on, URI what, WritableByteChannel target, Duration limit)
            throws IOException;

    /// An address and what goes with it.
    ///
    /// @param address the interface's
    /// @param prefix bits of the network's part
    /// @param gateway to other networks, null if there is none
    /// @param servers who resolves names
    /// @param server who gave it, null if it was given by hand
    /// @param seconds for how long, 0 for ever
    record Lease(
            String address,
            int prefix,
            @Nullable String gateway,
            List<String> servers,
            @Nullable String server,
            long seconds) {}

    /// How to ping.
    ///
    /// @param count how many requests
    /// @param interval between two requests
    /// @param size bytes of data in each
    /// @param limit how long a reply is waited for
    record PingOptions(int count, Duration interval, int size, Duration limit) {}

    /// What came back.
    ///
    /// @param address who was asked
    /// @param sent requests
    /// @param received replies
    /// @param minUs the fastest reply, microseconds; 0 if none came
    /// @param meanUs the mean
    /// @param maxUs the slowest
    record PingReport(
            String address, int sent, int received, double minUs, double meanUs, double maxUs) {}

    /// What was fetched.
    ///
    /// @param bytes how many
    /// @param seconds how long it took
    /// @param retransmissions how often something was sent again
    /// @param status of HTTP, 0 of TFTP
    record FetchReport(long bytes, double seconds, long retransmissions, int status) {}
}
