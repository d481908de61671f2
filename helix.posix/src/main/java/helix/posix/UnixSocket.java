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
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SUN_PATH = 108;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int SO_PEERCRED = 17;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;

    /// Of struct msghdr and struct cmsghdr.
    private static final int MESSAGE_HEADER = 56;

    private static final int CONTROL_HEADER = 16;

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
        return open(path, Libc.CONNECT, "connect", 0);
    }

    /// Connects to a listening socket, without waiting for a peer that accepts nobody.
    ///
    /// @param path the socket's file, at most 107 bytes long
    /// @return the connection, non-blocking
    /// @throws PosixException ENOENT or ECONNREFUSED where nobody listens, EAGAIN where too many
    ///   wait already
    public static UnixSocket connectNow(Path path) {
        return open(path, Libc.CONNECT, "connect", SOCK_NONBLOCK);
    }

    /// Makes a listening socket.
    ///
    /// @param path the file to create, at most 107 bytes long; it must not exist
    /// @return the listener, for [#accept(long)]
    /// @throws PosixException EADDRINUSE where the file exists
    public static UnixSocket listen(Path path) {
        UnixSocket socket = open(path, Libc.BIND, "bind", 0);
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

    private static UnixSocket open(Path path, MethodHandle call, String name, int flags) {
        byte[] bytes = path.toString().getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= SUN_PATH) {
            throw new IllegalArgumentException(
                    "socket path is longer than " + (SUN_PATH - 1) + " bytes: " + path);
        }
        try (Arena arena = Arena.ofConfined()) {
            int fd =
                    (int)
                            Libc.SOCKET.invokeExact(
                                    Libc.state(), (int) AF_UNIX, SOCK_STREAM_CLOEXEC | flags, 0);
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
        sendWithDescriptors(bytes, passed >= 0 ? new int[] {passed} : new int[0]);
    }

    /// Sends bytes with descriptors beside them (SCM_RIGHTS, see unix(7)). The peer gets
    /// descriptors of its own.
    ///
    /// @param bytes at least one byte
    /// @param passed the descriptors to pass, possibly none
    /// @throws PosixException if the peer is gone or does not take all bytes at once
    public void sendWithDescriptors(byte[] bytes, int... passed) {
        if (!open.get()) {
            throw new PosixException("sendmsg", 9);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(bytes.length);
            MemorySegment.copy(bytes, 0, data, JAVA_BYTE, 0, bytes.length);
            MemorySegment control = arena.allocate(controlSize(passed.length), 8);
            if (passed.length > 0) {
                control.set(JAVA_LONG, 0, CONTROL_HEADER + 4L * passed.length);
                control.set(JAVA_INT, 8, SOL_SOCKET);
                control.set(JAVA_INT, 12, SCM_RIGHTS);
                MemorySegment.copy(passed, 0, control, JAVA_INT, CONTROL_HEADER, passed.length);
            }
            MemorySegment message = message(arena, data, control, passed.length > 0);
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

    /// What [#receiveWithDescriptors] got.
    ///
    /// @param length how many bytes
    /// @param descriptors the descriptors passed with them, now the receiver's to close with
    ///   [#closePassed(int)]
    public record Received(int length, int[] descriptors) {}

    /// Receives what is there and the descriptors passed with it, without waiting for more.
    ///
    /// @param bytes where the bytes go
    /// @param offset where the first byte goes
    /// @param length the most to take
    /// @param most how many descriptors are taken at most; the kernel closes others
    /// @return what came, of length 0 if nothing is there
    /// @throws PosixException EPIPE if the peer closed its end
    public Received receiveWithDescriptors(byte[] bytes, int offset, int length, int most) {
        if (!open.get()) {
            throw new PosixException("recvmsg", 9);
        }
        Objects.checkFromIndexSize(offset, length, bytes.length);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(length);
            MemorySegment control = arena.allocate(controlSize(most), 8);
            MemorySegment message = message(arena, data, control, true);
            long n;
            int errno;
            do {
                n =
                        (long)
                                Libc.RECVMSG.invokeExact(
                                        Libc.state(), fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
                errno = n < 0 ? Libc.errno() : 0;
            } while (errno == Libc.EINTR);
            if (errno == Libc.EAGAIN) {
                return new Received(0, new int[0]);
            }
            if (n <= 0) {
                throw new PosixException("recvmsg", n == 0 ? 32 : errno);
            }
            MemorySegment.copy(data, JAVA_BYTE, 0, bytes, offset, (int) n);
            return new Received((int) n, passed(control, message.get(JAVA_LONG, 40)));
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    private static int[] passed(MemorySegment control, long used) {
        if (used < CONTROL_HEADER || control.get(JAVA_INT, 12) != SCM_RIGHTS) {
            return new int[0];
        }
        int count = (int) (control.get(JAVA_LONG, 0) - CONTROL_HEADER) / 4;
        int[] descriptors = new int[count];
        MemorySegment.copy(control, JAVA_INT, CONTROL_HEADER, descriptors, 0, count);
        return descriptors;
    }

    private static long controlSize(int descriptors) {
        return CONTROL_HEADER + (4L * descriptors + 7) / 8 * 8;
    }

    private static MemorySegment message(
            Arena arena, MemorySegment data, MemorySegment control, boolean controlled) {
        MemorySegment iovec = arena.allocate(16, 8);
        iovec.set(ADDRESS, 0, data);
        iovec.set(JAVA_LONG, 8, data.byteSize());
        MemorySegment message = arena.allocate(MESSAGE_HEADER, 8);
        message.set(ADDRESS, 16, iovec);
        message.set(JAVA_LONG, 24, 1);
        if (controlled) {
            message.set(ADDRESS, 32, control);
            message.set(JAVA_LONG, 40, control.byteSize());
        }
        return message;
    }

    /// Closes a descriptor that [#receiveWithDescriptors] got.
    ///
    /// @param descriptor its number, not used afterwards
    public static void closePassed(int descriptor) {
        Libc.close(descriptor);
    }

    /// Which process listened (seen from the end that connected) or connected (seen from the end
    /// that accepted), when it did: SO_PEERCRED, see unix(7).
    ///
    /// @return a process id, 0 if it is not visible from here
    /// @throws PosixException if the kernel does not tell
    public int peerProcess() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment credentials = arena.allocate(12, 4);
            MemorySegment size = arena.allocate(4, 4);
            size.set(JAVA_INT, 0, 12);
            int rc =
                    (int)
                            Libc.GETSOCKOPT.invokeExact(
                                    Libc.state(), fd, SOL_SOCKET, SO_PEERCRED, credentials, size);
            if (rc != 0) {
                throw new PosixException("getsockopt(SO_PEERCRED)", Libc.errno());
            }
            return credentials.get(JAVA_INT, 0);
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
