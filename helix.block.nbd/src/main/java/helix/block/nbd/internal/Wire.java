package helix.block.nbd.internal;

import helix.hal.api.Deadline;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/// One side of a connection. The channel does not block: a thread never sleeps in a system call
/// that holds memory of a disk's pool, only in a selector.
///
/// One thread may receive while another sends.
final class Wire implements AutoCloseable {
    private final SocketChannel channel;
    private final Selector readable;
    private final Selector writable;

    Wire(SocketChannel channel) throws IOException {
        this.channel = channel;
        channel.configureBlocking(false);
        readable = open(SelectionKey.OP_READ);
        try {
            writable = open(SelectionKey.OP_WRITE);
        } catch (IOException e) {
            readable.close();
            throw e;
        }
    }

    private Selector open(int operation) throws IOException {
        Selector selector = Selector.open();
        try {
            channel.register(selector, operation);
        } catch (IOException e) {
            selector.close();
            throw e;
        }
        return selector;
    }

    /// Receives what is there.
    ///
    /// @return bytes, 0 if there is nothing now, -1 at the end
    int receive(ByteBuffer target) throws IOException {
        return channel.read(target);
    }

    /// Receives what is there into several buffers, in order.
    ///
    /// @return bytes, 0 if there is nothing now, -1 at the end
    long receive(ByteBuffer[] targets) throws IOException {
        return channel.read(targets);
    }

    /// Sends what fits now.
    ///
    /// @return bytes
    long send(ByteBuffer[] sources, int first, int count) throws IOException {
        return channel.write(sources, first, count);
    }

    /// Waits until there is something to receive, or [#wakeReceiver].
    void awaitReadable(long millis) throws IOException {
        await(readable, millis);
    }

    /// Waits until there is room to send, or [#close].
    void awaitWritable(long millis) throws IOException {
        await(writable, millis);
    }

    private void await(Selector selector, long millis) throws IOException {
        if (!channel.isOpen()) {
            throw new ClosedChannelException();
        }
        try {
            int _ = selector.select(key -> {}, Math.max(1, millis));
        } catch (ClosedSelectorException e) {
            throw new AsynchronousCloseException();
        }
    }

    void wakeReceiver() {
        readable.wakeup();
    }

    /// Receives until the buffer is full, and turns it round to be read.
    ByteBuffer receiveAll(ByteBuffer target, Deadline deadline) throws IOException {
        while (target.hasRemaining()) {
            int got = channel.read(target);
            if (got < 0) {
                throw new EOFException("the client hung up");
            }
            if (got == 0) {
                awaitReadable(remaining(deadline));
            }
        }
        return target.flip();
    }

    /// Sends all of the buffer.
    void sendAll(ByteBuffer source, Deadline deadline) throws IOException {
        while (source.hasRemaining()) {
            if (channel.write(source) == 0) {
                awaitWritable(remaining(deadline));
            }
        }
    }

    private static long remaining(Deadline deadline) throws SocketTimeoutException {
        if (deadline.isExpired()) {
            throw new SocketTimeoutException("no handshake within " + deadline.limit());
        }
        return deadline.remainingMillis();
    }

    /// Ends the connection, and wakes whoever waits for it.
    @Override
    public void close() throws IOException {
        try (readable;
                writable) {
            channel.close();
        }
    }
}
