package helix.integration;

import helix.driver.kit.net.NetPeer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The other end of the wire of one of QEMU's cards: each frame is a datagram.
final class UdpWire implements NetPeer, AutoCloseable {
    private static final int MOST = 65536;

    private final DatagramSocket socket;
    private final InetSocketAddress card;
    private final byte[] buffer = new byte[MOST];

    /// Binds the test's end.
    ///
    /// @param mine the port that QEMU sends to
    /// @param cards the port that QEMU listens at
    UdpWire(int mine, int cards) {
        try {
            socket = new DatagramSocket(mine, InetAddress.getLoopbackAddress());
            socket.setReceiveBufferSize(1 << 20);
            card = new InetSocketAddress(InetAddress.getLoopbackAddress(), cards);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// A port that was free a moment ago.
    static int freePort() {
        try (DatagramSocket any = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            return any.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void deliver(byte[] frame) {
        try {
            socket.send(new DatagramPacket(frame, frame.length, card));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public byte @Nullable [] take(long nanos) {
        try {
            socket.setSoTimeout((int) Math.max(1, nanos / 1_000_000));
            DatagramPacket packet = new DatagramPacket(buffer, buffer.length);
            socket.receive(packet);
            return Arrays.copyOf(buffer, packet.getLength());
        } catch (SocketTimeoutException e) {
            return null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public boolean keepsFrames() {
        return true;
    }

    @Override
    public void close() {
        socket.close();
    }
}
