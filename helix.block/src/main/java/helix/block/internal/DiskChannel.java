package helix.block.internal;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/// A disk as bytes. What is not whole blocks is read, changed and written; no other writer of the
/// same blocks is kept out meanwhile.
final class DiskChannel implements SeekableByteChannel {
    private static final int CHUNK = 64 * 1024;

    private final DiskAccess access;
    private final int blockSize;
    private final ByteBuffer chunk;
    private final MemorySegment chunkMemory;
    private long position;
    private boolean closed;

    DiskChannel(DiskAccess access) {
        this.access = access;
        blockSize = access.blockSize();
        chunk = ByteBuffer.allocate(Math.max(CHUNK, blockSize));
        chunkMemory = MemorySegment.ofBuffer(chunk);
    }

    @Override
    public int read(ByteBuffer target) throws IOException {
        checkOpen();
        long left = size() - position;
        if (left <= 0) {
            return target.hasRemaining() ? -1 : 0;
        }
        int wanted = (int) Math.min(target.remaining(), left);
        int done = 0;
        while (done < wanted) {
            int within = (int) (position % blockSize);
            int now = Math.min(wanted - done, chunk.capacity() - within);
            try {
                load(position - within, blocksFor(within + now));
            } catch (RuntimeException e) {
                throw new IOException("read at " + position + " of " + access.disk().name(), e);
            }
            target.put(chunk.slice(within, now));
            position += now;
            done += now;
        }
        return done;
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
        checkOpen();
        if (!access.mayWrite()) {
            throw new NonWritableChannelException();
        }
        int wanted = source.remaining();
        if (wanted > size() - position) {
            throw new IOException(
                    "write of "
                            + wanted
                            + " bytes at "
                            + position
                            + " of the "
                            + size()
                            + " of "
                            + access.disk().name());
        }
        int done = 0;
        while (done < wanted) {
            int within = (int) (position % blockSize);
            int now = Math.min(wanted - done, chunk.capacity() - within);
            try {
                store(within, source.slice(source.position(), now));
            } catch (RuntimeException e) {
                throw new IOException("write at " + position + " of " + access.disk().name(), e);
            }
            source.position(source.position() + now);
            position += now;
            done += now;
        }
        return done;
    }

    /// Writes bytes that begin within the block at the position.
    private void store(int within, ByteBuffer bytes) {
        long begin = position - within;
        int count = bytes.remaining();
        int blocks = blocksFor(within + count);
        if (within > 0) {
            load(begin, 1);
        }
        int tail = (within + count) % blockSize;
        if (tail > 0 && (blocks > 1 || within == 0)) {
            long last = (long) (blocks - 1) * blockSize;
            access.readBlock(begin / blockSize + blocks - 1, chunkMemory.asSlice(last, blockSize));
        }
        chunk.put(within, bytes, bytes.position(), count);
        access.writeBlock(begin / blockSize, chunkMemory.asSlice(0, (long) blocks * blockSize));
    }

    private void load(long begin, int blocks) {
        access.readBlock(begin / blockSize, chunkMemory.asSlice(0, (long) blocks * blockSize));
    }

    private int blocksFor(int bytes) {
        return (bytes + blockSize - 1) / blockSize;
    }

    @Override
    public long position() throws IOException {
        checkOpen();
        return position;
    }

    @Override
    public SeekableByteChannel position(long next) throws IOException {
        checkOpen();
        if (next < 0) {
            throw new IllegalArgumentException("position " + next);
        }
        position = next;
        return this;
    }

    @Override
    public long size() throws IOException {
        checkOpen();
        return access.totalBlocks() * blockSize;
    }

    /// A disk has the size it has: truncating to that or more does nothing, as everywhere.
    @Override
    public SeekableByteChannel truncate(long size) throws IOException {
        checkOpen();
        if (size < size()) {
            throw new IOException(access.disk().name() + " cannot be truncated");
        }
        return this;
    }

    @Override
    public boolean isOpen() {
        return !closed;
    }

    private void checkOpen() throws IOException {
        if (closed) {
            throw new ClosedChannelException();
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
