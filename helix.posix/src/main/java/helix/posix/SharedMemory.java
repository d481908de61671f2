package helix.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/// Anonymous shared memory, a memfd_create(2) file: other processes map the same bytes by its
/// descriptor, and nothing is left of it when the last of them ends.
public final class SharedMemory implements AutoCloseable {
    private static final int MFD_CLOEXEC = 1;

    private final int fd;
    private final long size;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private SharedMemory(int fd, long size) {
        this.fd = fd;
        this.size = size;
    }

    /// Creates shared memory filled with zeroes. Pages take memory when they are first touched.
    ///
    /// @param name what /proc shows of it
    /// @param size its size in bytes, a multiple of 4096
    /// @return the new memory
    /// @throws PosixException if the kernel refuses it
    public static SharedMemory create(String name, long size) {
        try (Arena arena = Arena.ofConfined()) {
            int fd =
                    (int)
                            Libc.MEMFD_CREATE.invokeExact(
                                    Libc.state(), arena.allocateFrom(name), MFD_CLOEXEC);
            if (fd < 0) {
                throw new PosixException("memfd_create(" + name + ")", Libc.errno());
            }
            int rc = (int) Libc.FTRUNCATE.invokeExact(Libc.state(), fd, size);
            if (rc != 0) {
                int errno = Libc.errno();
                Libc.close(fd);
                throw new PosixException("ftruncate(" + name + ", " + size + ")", errno);
            }
            return new SharedMemory(fd, size);
        } catch (PosixException e) {
            throw e;
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }

    /// The descriptor's number, valid until [#close()].
    ///
    /// @return a number ≥ 0
    public int fd() {
        return fd;
    }

    /// The size in bytes.
    ///
    /// @return what [#create(String, long)] was given
    public long size() {
        return size;
    }

    /// Maps all of it, readable and writable. The mapping lasts until the arena is closed, whatever
    /// becomes of the descriptor.
    ///
    /// @param arena the life of the mapping; it is unmapped when this closes
    /// @return the mapped bytes
    /// @throws PosixException if the kernel refuses the mapping
    public MemorySegment map(Arena arena) {
        return Mapping.map(fd, 0, size, arena);
    }

    /// Closes the descriptor; mappings stay. A second call does nothing.
    @Override
    public void close() {
        if (open.compareAndSet(true, false)) {
            Libc.close(fd);
        }
    }
}
