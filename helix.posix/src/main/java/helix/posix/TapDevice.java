package helix.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/// A TAP device, see tun.rst of the Linux kernel: an Ethernet interface of the kernel whose other
/// end is a descriptor, a frame for each read(2) and write(2). Non-blocking and close-on-exec.
public final class TapDevice implements AutoCloseable {
    private static final int O_RDWR_NONBLOCK_CLOEXEC = 0x2 | 0x800 | 0x80000;
    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;

    private static final long TUNSETIFF = 0x400454CAL;
    private static final long SIOCGIFFLAGS = 0x8913;
    private static final long SIOCSIFFLAGS = 0x8914;
    private static final long SIOCSIFMTU = 0x8922;
    private static final long SIOCSIFHWADDR = 0x8924;

    private static final short IFF_TAP_NO_PI = 0x0002 | 0x1000;
    private static final short IFF_UP = 1;
    private static final short ARPHRD_ETHER = 1;

    /// `struct ifreq`: a name, and a union.
    private static final int IFREQ = 40;

    private static final int NAME = 16;
    private static final int MAC = 6;

    /// What the kernel may answer for one frame without anything being wrong with the device.
    private static final int ENOBUFS = 105;

    private static final MethodHandle OPEN =
            variadic("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle IOCTL =
            variadic("ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS));
    private static final MethodHandle READ =
            plain("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle WRITE =
            plain("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));

    private final int fd;
    private final String name;

    /// Guarded by this.
    private boolean open = true;

    private TapDevice(int fd, String name) {
        this.fd = fd;
        this.name = name;
    }

    @SuppressWarnings("restricted")
    private static MethodHandle variadic(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name),
                descriptor,
                Linker.Option.captureCallState("errno"),
                Linker.Option.firstVariadicArg(2));
    }

    @SuppressWarnings("restricted")
    private static MethodHandle plain(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow(name),
                descriptor,
                Linker.Option.captureCallState("errno"));
    }

    /// Makes a device, or takes the other end of one that is there, and brings it up.
    ///
    /// @param name its name in the kernel, at most 15 bytes
    /// @param mac its hardware address
    /// @param mtu its largest payload
    /// @return the device
    /// @throws PosixException if there is no `/dev/net/tun`, no right to it, or it is in use
    public static TapDevice open(String name, long mac, int mtu) {
        byte[] bytes = name.getBytes(StandardCharsets.US_ASCII);
        if (bytes.length < 1 || bytes.length >= NAME || !name.matches("[!-~&&[^/:%]]+")) {
            throw new IllegalArgumentException("'" + name + "' is no name for a TAP device");
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment path = arena.allocateFrom("/dev/net/tun");
            int fd = (int) OPEN.invokeExact(Libc.state(), path, O_RDWR_NONBLOCK_CLOEXEC);
            check("open(/dev/net/tun)", fd);
            boolean complete = false;
            try {
                MemorySegment request = arena.allocate(IFREQ, 8);
                MemorySegment.copy(bytes, 0, request, JAVA_BYTE, 0, bytes.length);
                request.set(JAVA_SHORT, NAME, IFF_TAP_NO_PI);
                ioctl("TUNSETIFF(" + name + ")", fd, TUNSETIFF, request);
                // Also by the device's descriptor.
                request.set(JAVA_SHORT, NAME, ARPHRD_ETHER);
                for (int i = 0; i < MAC; i++) {
                    request.set(JAVA_BYTE, NAME + 2L + i, (byte) (mac >>> (8 * (MAC - 1 - i))));
                }
                ioctl("SIOCSIFHWADDR(" + name + ")", fd, SIOCSIFHWADDR, request);
                bringUp(name, mtu, request);
                complete = true;
                return new TapDevice(fd, name);
            } finally {
                if (!complete) {
                    Libc.close(fd);
                }
            }
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    private static void bringUp(String name, int mtu, MemorySegment request) throws Throwable {
        int socket = (int) Libc.SOCKET.invokeExact(Libc.state(), AF_INET, SOCK_DGRAM_CLOEXEC, 0);
        check("socket", socket);
        try {
            request.set(JAVA_INT, NAME, mtu);
            ioctl("SIOCSIFMTU(" + name + ")", socket, SIOCSIFMTU, request);
            ioctl("SIOCGIFFLAGS(" + name + ")", socket, SIOCGIFFLAGS, request);
            request.set(JAVA_SHORT, NAME, (short) (request.get(JAVA_SHORT, NAME) | IFF_UP));
            ioctl("SIOCSIFFLAGS(" + name + ")", socket, SIOCSIFFLAGS, request);
        } finally {
            Libc.close(socket);
        }
    }

    private static void ioctl(String what, int fd, long request, MemorySegment argument)
            throws Throwable {
        int result = (int) IOCTL.invokeExact(Libc.state(), fd, request, argument);
        check(what, result);
    }

    private static void check(String what, int result) {
        if (result < 0) {
            throw new PosixException(what, Libc.errno());
        }
    }

    /// The name in the kernel.
    ///
    /// @return as opened
    public String name() {
        return name;
    }

    /// The descriptor's number, valid until [#close()].
    ///
    /// @return a number ≥ 0
    public int fd() {
        return fd;
    }

    /// Takes a frame that the kernel sends. Not after [#close()], and not while it is called.
    ///
    /// @param memory native memory that lives during the call
    /// @param offset where the frame goes
    /// @param most how many bytes there are
    /// @return the frame's length, 0 if there is none
    /// @throws PosixException if the device is gone
    public int read(MemorySegment memory, long offset, int most) {
        long address =
                memory.address() + Objects.checkFromIndexSize(offset, most, memory.byteSize());
        try {
            long n = (long) READ.invokeExact(Libc.state(), fd, address, (long) most);
            return n >= 0 ? (int) n : none("read(" + name + ")");
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// Gives a frame to the kernel. Not after [#close()], and not while it is called.
    ///
    /// @param memory native memory that lives during the call
    /// @param offset where the frame is
    /// @param length its length
    /// @return whether the kernel took it
    /// @throws PosixException if the device is gone
    public boolean write(MemorySegment memory, long offset, int length) {
        long address =
                memory.address() + Objects.checkFromIndexSize(offset, length, memory.byteSize());
        try {
            long n = (long) WRITE.invokeExact(Libc.state(), fd, address, (long) length);
            return n >= 0 || none("write(" + name + ")") > 0;
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// @return 0 if only this frame is concerned
    private static int none(String what) {
        int errno = Libc.errno();
        // EINVAL and EIO: a frame that is none, or the interface is down.
        if (errno == Libc.EAGAIN
                || errno == Libc.EINTR
                || errno == ENOBUFS
                || errno == 5
                || errno == 22) {
            return 0;
        }
        throw new PosixException(what, errno);
    }

    /// Ends this end; the device goes, unless it is a persistent one. A second call does nothing.
    @Override
    public synchronized void close() {
        if (open) {
            open = false;
            Libc.close(fd);
        }
    }
}
