package helix.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;

/// A UNIX stream socket by plain system calls. Unlike a channel of `java.nio` it survives that a
/// thread inside one of its calls is interrupted, and it can pass descriptors. [#send] and
/// [#receive] allocate nothing.
public final class UnixSocket implements AutoCloseable {
    private static final short AF_UNIX = 1;
    private static final int SOCK_STREAM_CLOEXEC = 1 | 0x80000;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SUN_PATH = 108;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;

    private final int fd;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private UnixSocket(int fd) {
        this.fd = fd;
    }

    /// Connects to a listening socket.
    ///
    /// @param path the socket's file, at most 107 bytes long
    /// @return the connection
    /// @throws PosixException ENOENT or ECONNREFUSED where nobody listens
    public static UnixSocket connect(Path path) {
        return open(path, Libc.CONNECT, "connect");
    }

    /// Makes a listening socket.
    ///
    /// @param path the file to create, at most 107 bytes long; it must not exist
    /// @return the listener, for [#accept(long)]
    /// @throws PosixException EADDRINUSE where the file exists
    public static UnixSocket listen(Path path) {
        UnixSocket socket = open(path, Libc.BIND, "bind");
        try {
            int rc = (int) Libc.LISTEN.invokeExact(Libc.state(), socket.fd, 8);
            if (rc != 0) {
                int errno = Libc.errno();
                socket.close();
                throw new PosixException("listen(" + path + ")", errno);
            }
            return socket;
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    private static UnixSocket open(Path path, MethodHandle call, String name) {
        byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= SUN_PATH) {
            throw new IllegalArgumentException(
                    "socket path is longer than " + (SUN_PATH - 1) + " bytes: " + path);
        }
        try (Arena arena = Arena.ofConfined()) {
            int fd =
                    (int)
                            Libc.SOCKET.invokeExact(
                                    Libc.state(), (int) AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
            if (fd < 0) {
                throw new PosixException("socket", Libc.errno());
            }
            MemorySegment address = arena.allocate(2 + SUN_PATH, 2);
            address.set(JAVA_SHORT, 0, AF_UNIX);
            MemorySegment.copy(bytes, 0, address, JAVA_BYTE, 2, bytes.length);
            int rc = (int) call.invokeExact(Libc.state(), fd, address, 2 + SUN_PATH);
            if (rc != 0) {
                int errno = Libc.errno();
                Libc.close(fd);
                throw new PosixException(name + "(" + path + ")", errno);
            }
            return new UnixSocket(fd);
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// Waits for a peer on a listening socket.
    ///
    /// @param timeoutMillis the longest wait in milliseconds
    /// @return the connection
    /// @throws PosixException ETIMEDOUT if nobody came
    public UnixSocket accept(long timeoutMillis) {
        PollSet set = new PollSet(1);
        set.add(fd);
        long end = System.nanoTime() + timeoutMillis * 1_000_000;
        while (set.await(Math.max(0, (end - System.nanoTime()) / 1_000_000)) == 0) {
            if (System.nanoTime() - end >= 0) {
                throw new PosixException("accept", 110);
            }
        }
        try {
            int peer =
                    (int)
                            Libc.ACCEPT4.invokeExact(
                                    Libc.state(),
                                    fd,
                                    MemorySegment.NULL,
                                    MemorySegment.NULL,
                                    SOCK_CLOEXEC);
            if (peer < 0) {
                throw new PosixException("accept", Libc.errno());
            }
            return new UnixSocket(peer);
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// The descriptor's number, for a [PollSet].
    ///
    /// @return a number ≥ 0
    public int fd() {
        return fd;
    }

    /// Sends bytes, without waiting for room.
    ///
    /// @param buffer native memory that stays alive during the call
    /// @param offset the first byte
    /// @param length how many, at least 1
    /// @return how many were taken, 0 if the peer reads too slowly
    /// @throws PosixException EPIPE or ECONNRESET if the peer is gone
    public long send(MemorySegment buffer, long offset, long length) {
        return transfer(Libc.SEND, "send", buffer, offset, length);
    }

    /// Receives what is there, without waiting for more.
    ///
    /// @param buffer native memory that stays alive during the call
    /// @param offset where the first byte goes
    /// @param length the most to take
    /// @return how many came, 0 if none is there
    /// @throws PosixException EPIPE if the peer closed its end
    public long receive(MemorySegment buffer, long offset, long length) {
        return transfer(Libc.RECV, "recv", buffer, offset, length);
    }

    private long transfer(
            MethodHandle call, String name, MemorySegment buffer, long offset, long length) {
        if (!open.get()) {
            throw new PosixException(name, 9);
        }
        Objects.checkFromIndexSize(offset, length, buffer.byteSize());
        // A raw address instead of a slice: a slice would be garbage of every call.
        long address = buffer.address() + offset;
        try {
            while (true) {
                long n =
                        (long)
                                call.invokeExact(
                                        Libc.state(),
                                        fd,
                                        address,
                                        length,
                                        MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n > 0) {
                    return n;
                }
                if (n == 0) {
                    throw new PosixException(name, 32);
                }
                int errno = Libc.errno();
                if (errno == Libc.EAGAIN) {
                    return 0;
                }
                if (errno != Libc.EINTR) {
                    throw new PosixException(name, errno);
                }
            }
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        } finally {
            Reference.reachabilityFence(buffer);
        }
    }

    /// Sends bytes with one descriptor beside them (SCM_RIGHTS, see unix(7)). The peer gets a
    /// descriptor of its own.
    ///
    /// @param bytes at least one byte
    /// @param passed the descriptor to pass, or -1 for none
    /// @throws PosixException if the peer is gone or does not take all bytes at once
    public void sendWithDescriptor(byte[] bytes, int passed) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(bytes.length);
            MemorySegment.copy(bytes, 0, data, JAVA_BYTE, 0, bytes.length);
            MemorySegment iovec = arena.allocate(16, 8);
            iovec.set(ADDRESS, 0, data);
            iovec.set(JAVA_LONG, 8, bytes.length);
            MemorySegment message = arena.allocate(56, 8);
            message.set(ADDRESS, 16, iovec);
            message.set(JAVA_LONG, 24, 1);
            if (passed >= 0) {
                MemorySegment control = arena.allocate(24, 8);
                control.set(JAVA_LONG, 0, 20);
                control.set(JAVA_INT, 8, SOL_SOCKET);
                control.set(JAVA_INT, 12, SCM_RIGHTS);
                control.set(JAVA_INT, 16, passed);
                message.set(ADDRESS, 32, control);
                message.set(JAVA_LONG, 40, 24);
            }
            long n = (long) Libc.SENDMSG.invokeExact(Libc.state(), fd, message, MSG_NOSIGNAL);
            if (n != bytes.length) {
                throw new PosixException("sendmsg", n < 0 ? Libc.errno() : 5);
            }
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// Closes the socket; a second call does nothing.
    @Override
    public void close() {
        if (open.compareAndSet(true, false)) {
            Libc.close(fd);
        }
    }
}
