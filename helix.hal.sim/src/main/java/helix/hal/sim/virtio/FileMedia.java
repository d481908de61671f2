package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/// Sectors in a file, which is mapped. Sparse where it was not written.
final class FileMedia implements Media {
    private final FileChannel channel;
    private final boolean readOnly;
    private Arena arena = Arena.ofShared();
    private MemorySegment bytes;

    /// Opens a file.
    ///
    /// @param size what it is to have, 0 for what it has
    /// @throws DeviceException if it cannot be opened or is empty
    FileMedia(Path file, boolean readOnly, long size) {
        this.readOnly = readOnly;
        try {
            channel =
                    FileChannel.open(
                            file,
                            readOnly
                                    ? Set.of(StandardOpenOption.READ)
                                    : Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE));
            try {
                long most = size == 0 ? channel.size() & -512L : size;
                if (most == 0 || (readOnly && most > channel.size())) {
                    throw new DeviceException(file + " has " + channel.size() + " bytes");
                }
                bytes = map(most);
            } catch (IOException | DeviceException e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw new DeviceException(file + ": " + e, e);
        }
    }

    private MemorySegment map(long size) throws IOException {
        FileChannel.MapMode mode =
                readOnly ? FileChannel.MapMode.READ_ONLY : FileChannel.MapMode.READ_WRITE;
        return channel.map(mode, 0, size, arena);
    }

    @Override
    public long bytes() {
        return bytes.byteSize();
    }

    @Override
    public void read(long at, MemorySegment to, long offset, long length) {
        MemorySegment.copy(bytes, at, to, offset, length);
    }

    @Override
    public void write(long at, MemorySegment from, long offset, long length) {
        MemorySegment.copy(from, offset, bytes, at, length);
    }

    @Override
    public void zero(long at, long length) {
        bytes.asSlice(at, length).fill((byte) 0);
    }

    @Override
    public void flush() {
        if (!readOnly) {
            bytes.force();
        }
    }

    @Override
    public void resize(long size) throws IOException {
        arena.close();
        arena = Arena.ofShared();
        if (size < channel.size()) {
            FileChannel _ = channel.truncate(size);
        }
        bytes = map(size);
    }

    @Override
    public void close() {
        arena.close();
        try {
            channel.close();
        } catch (IOException e) {
            throw new DeviceException("closing a disk's file: " + e, e);
        }
    }
}
