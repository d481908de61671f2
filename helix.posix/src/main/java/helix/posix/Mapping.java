package helix.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Mappings of files and devices into this process, and their re-scoping to other life times.
public final class Mapping {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;

    private Mapping() {}

    /// Maps a part of a file or device, shared, readable and writable.
    ///
    /// @param fd an open descriptor
    /// @param offset where to begin, a multiple of 4096
    /// @param size how many bytes
    /// @param arena the life of the mapping: it is unmapped when this closes
    /// @return the mapped bytes
    /// @throws PosixException if the kernel refuses the mapping
    @SuppressWarnings("restricted")
    public static MemorySegment map(int fd, long offset, long size, Arena arena) {
        long address;
        try {
            address =
                    (long)
                            Libc.MMAP.invokeExact(
                                    Libc.state(),
                                    0L,
                                    size,
                                    PROT_READ_WRITE,
                                    MAP_SHARED,
                                    fd,
                                    offset);
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
        if (address == -1) {
            throw new PosixException("mmap(fd " + fd + ", " + size + " bytes)", Libc.errno());
        }
        return MemorySegment.ofAddress(address).reinterpret(size, arena, Mapping::unmap);
    }

    /// The same bytes under another life time: access through the result throws once the arena is
    /// closed, while the mapping itself stays. This is how a driver's generation loses its handles
    /// although the memory lives on.
    ///
    /// The caller vouches that the mapping outlives the arena.
    ///
    /// @param mapping mapped bytes
    /// @param arena the narrower life time
    /// @return a segment over the same bytes
    @SuppressWarnings("restricted")
    public static MemorySegment scoped(MemorySegment mapping, Arena arena) {
        return mapping.reinterpret(arena, null);
    }

    private static void unmap(MemorySegment mapping) {
        try {
            int _ =
                    (int)
                            Libc.MUNMAP.invokeExact(
                                    Libc.state(), mapping.address(), mapping.byteSize());
        } catch (Throwable e) {
            throw Libc.unexpected(e);
        }
    }
}
