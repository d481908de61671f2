package helix.hal.sim.nvme;

import helix.hal.api.DeviceException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// The medium: bytes that outlive any reset. Nothing here waits for long: files are mapped, and
/// left to the page cache.
sealed interface Backing extends AutoCloseable {
    long size();

    /// Whether it keeps nothing and reads as zeroes.
    default boolean isNull() {
        return false;
    }

    void read(long position, MemorySegment to, long offset, long bytes);

    void write(long position, MemorySegment from, long offset, long bytes);

    void zero(long position, long bytes);

    @Override
    void close();

    /// Discards writes, reads zeroes.
    record Null(long size) implements Backing {
        @Override
        public boolean isNull() {
            return true;
        }

        @Override
        public void read(long position, MemorySegment to, long offset, long bytes) {
            to.asSlice(offset, bytes).fill((byte) 0);
        }

        @Override
        public void write(long position, MemorySegment from, long offset, long bytes) {}

        @Override
        public void zero(long position, long bytes) {}

        @Override
        public void close() {}
    }

    /// Memory that is taken when it is first written.
    final class Memory implements Backing {
        private static final int SHIFT = 20;
        private static final long CHUNK = 1L << SHIFT;

        private final long size;
        private final Arena arena = Arena.ofShared();
        private final @Nullable MemorySegment[] chunks;

        Memory(long size) {
            this.size = size;
            chunks = new MemorySegment[Math.toIntExact((size + CHUNK - 1) >>> SHIFT)];
        }

        @Override
        public long size() {
            return size;
        }

        @Override
        public void read(long position, MemorySegment to, long offset, long bytes) {
            long done = 0;
            while (done < bytes) {
                long at = position + done;
                long part = Math.min(bytes - done, CHUNK - (at & CHUNK - 1));
                MemorySegment chunk = chunks[(int) (at >>> SHIFT)];
                if (chunk == null) {
                    to.asSlice(offset + done, part).fill((byte) 0);
                } else {
                    MemorySegment.copy(chunk, at & CHUNK - 1, to, offset + done, part);
                }
                done += part;
            }
        }

        @Override
        public void write(long position, MemorySegment from, long offset, long bytes) {
            long done = 0;
            while (done < bytes) {
                long at = position + done;
                long part = Math.min(bytes - done, CHUNK - (at & CHUNK - 1));
                int index = (int) (at >>> SHIFT);
                MemorySegment chunk = chunks[index];
                if (chunk == null) {
                    chunk = arena.allocate(CHUNK, 4096);
                    chunks[index] = chunk;
                }
                MemorySegment.copy(from, offset + done, chunk, at & CHUNK - 1, part);
                done += part;
            }
        }

        @Override
        public void zero(long position, long bytes) {
            long done = 0;
            while (done < bytes) {
                long at = position + done;
                long part = Math.min(bytes - done, CHUNK - (at & CHUNK - 1));
                MemorySegment chunk = chunks[(int) (at >>> SHIFT)];
                if (chunk != null) {
                    chunk.asSlice(at & CHUNK - 1, part).fill((byte) 0);
                }
                done += part;
            }
        }

        @Override
        public void close() {
            arena.close();
        }
    }

    /// A mapped file. One that is made or grown is sparse.
    final class File implements Backing {
        private final Arena arena = Arena.ofShared();
        private final FileChannel channel;
        private final MemorySegment bytes;

        /// Opens or makes a file.
        ///
        /// @param size what it is made or grown to, 0 for the size it has
        /// @throws DeviceException if it cannot be, with the reason
        File(Path path, long size) {
            FileChannel opened = null;
            try {
                opened =
                        FileChannel.open(
                                path,
                                StandardOpenOption.READ,
                                StandardOpenOption.WRITE,
                                StandardOpenOption.CREATE);
                lock(opened, path);
                long there = opened.size();
                long wanted = Math.max(there, size) & -512L;
                if (wanted == 0) {
                    throw new DeviceException(path + ": is empty and no size= is given");
                }
                channel = opened;
                bytes = opened.map(MapMode.READ_WRITE, 0, wanted, arena);
            } catch (IOException | RuntimeException e) {
                arena.close();
                close(opened, e);
                throw e instanceof DeviceException known
                        ? known
                        : new DeviceException(path + ": cannot be mapped: " + e.getMessage(), e);
            }
        }

        private static void lock(FileChannel channel, Path path) throws IOException {
            FileLock lock;
            try {
                lock = channel.tryLock();
            } catch (OverlappingFileLockException e) {
                throw new DeviceException(path + ": is another controller's medium", e);
            }
            if (lock == null) {
                throw new DeviceException(path + ": is locked by another process");
            }
        }

        private static void close(@Nullable FileChannel channel, Exception failure) {
            if (channel != null) {
                try {
                    channel.close();
                } catch (IOException e) {
                    failure.addSuppressed(e);
                }
            }
        }

        @Override
        public long size() {
            return bytes.byteSize();
        }

        @Override
        public void read(long position, MemorySegment to, long offset, long length) {
            MemorySegment.copy(bytes, position, to, offset, length);
        }

        @Override
        public void write(long position, MemorySegment from, long offset, long length) {
            MemorySegment.copy(from, offset, bytes, position, length);
        }

        @Override
        public void zero(long position, long length) {
            bytes.asSlice(position, length).fill((byte) 0);
        }

        @Override
        public void close() {
            arena.close();
            try {
                channel.close();
            } catch (IOException e) {
                throw new DeviceException("medium not closed: " + e.getMessage(), e);
            }
        }
    }
}
