package helix.integration;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/// A small ram disk, virtio 1.2, section 5.2, behind a hostile back-end.
final class HostileDisk extends HostileBackend {
    static final int SECTORS = 8192;
    private static final long FLUSH = 1L << 9;
    private static final int GET_ID = 8;

    private final MemorySegment disk = MemorySegment.ofArray(new byte[SECTORS << 9]);

    /// Another configuration whenever it is asked for.
    private volatile boolean fickle;

    HostileDisk(Path path, long seed, int fatalOneIn) {
        super(path, 1, seed, fatalOneIn);
    }

    @Override
    long features() {
        return FLUSH | INDIRECT;
    }

    /// From now on its configuration is another one whenever it is asked for, until it is tame.
    HostileDisk fickle() {
        fickle = true;
        return this;
    }

    @Override
    byte[] config(int size) {
        byte[] config =
                ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).putLong(SECTORS).array();
        if (fickle && !isTame()) {
            // Capacity, limits, geometry, block size, topology, queues: any of them, or all.
            int from = random.nextInt(size);
            byte[] noise = new byte[1 + random.nextInt(size - from)];
            random.nextBytes(noise);
            System.arraycopy(noise, 0, config, from, noise.length);
            lied();
        }
        return config;
    }

    @Override
    boolean isIdentity(Taken request) {
        return request.pieces().getFirst().bytes().get(JAVA_INT_UNALIGNED, 0) == GET_ID;
    }

    @Override
    int serve(int queue, Taken request) {
        MemorySegment header = request.pieces().getFirst().bytes();
        int type = header.get(JAVA_INT_UNALIGNED, 0);
        long at = header.get(JAVA_LONG_UNALIGNED, 8) << 9;
        int written = 1;
        for (Piece piece : request.pieces().subList(1, request.pieces().size() - 1)) {
            long size = piece.bytes().byteSize();
            if (type < 2 && (at < 0 || at > disk.byteSize() - size)) {
                // A capacity that it has made up. VIRTIO_BLK_S_IOERR.
                request.pieces().getLast().bytes().set(JAVA_BYTE, 0, (byte) 1);
                return 1;
            }
            if (type == 0) {
                piece.bytes().copyFrom(disk.asSlice(at, size));
                written += (int) size;
            } else if (type == 1) {
                disk.asSlice(at, size).copyFrom(piece.bytes());
            } else {
                piece.bytes().fill((byte) 'h');
                written += (int) size;
            }
            at += size;
        }
        request.pieces().getLast().bytes().set(JAVA_BYTE, 0, (byte) 0);
        return written;
    }
}
