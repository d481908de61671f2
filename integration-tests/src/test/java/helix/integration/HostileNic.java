package helix.integration;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/// A network card, VIRTIO 1.2, section 5.1, behind a hostile back-end: it receives noise whenever
/// there is a buffer, and lies about it in the header, `struct virtio_net_hdr` (5.1.6).
final class HostileNic extends HostileBackend {
    /// What a header says that is not so.
    private enum Lie {
        FLAGS,
        GSO_TYPE,
        HEADER_LENGTH,
        GSO_SIZE,
        CHECKSUM,
        NO_BUFFERS,
        SEVERAL_BUFFERS,
        TOO_MANY_BUFFERS
    }

    private static final long CSUM = 1;
    private static final long GUEST_CSUM = 1L << 1;
    private static final long MRG_RXBUF = 1L << 15;
    private static final int RECEIVE = 0;
    private static final int HEADER = 12;
    private static final int LEAST = 14;
    private static final int MOST = 1514;

    private volatile long taken;

    HostileNic(Path path, long seed, int fatalOneIn) {
        super(path, 2, seed, fatalOneIn);
    }

    /// Frames that it was given to send.
    long sent() {
        return taken;
    }

    @Override
    long features() {
        return CSUM | GUEST_CSUM | MRG_RXBUF | INDIRECT;
    }

    /// The front-end does not ask a network back-end for it.
    @Override
    byte[] config(int size) {
        return new byte[size];
    }

    @Override
    boolean isIdentity(Taken request) {
        return false;
    }

    @Override
    int serve(int queue, Taken request) {
        if (queue != RECEIVE) {
            taken++;
            return 0;
        }
        MemorySegment buffer = request.pieces().getFirst().bytes();
        // Now and then all that there is.
        int length =
                random.nextInt(8) == 0
                        ? (int) buffer.byteSize() - HEADER
                        : LEAST + random.nextInt(MOST - LEAST);
        buffer.asSlice(0, HEADER).fill((byte) 0);
        put16(buffer, 10, 1);
        for (int i = 0; i < 8; i++) {
            buffer.set(JAVA_BYTE, HEADER + random.nextInt(length), (byte) random.nextInt());
        }
        if (!isTame()) {
            lie(buffer, length);
        }
        return HEADER + length;
    }

    private void lie(MemorySegment header, int length) {
        Lie lie = Lie.values()[random.nextInt(Lie.values().length)];
        switch (lie) {
            case FLAGS -> header.set(JAVA_BYTE, 0, (byte) random.nextInt());
            case GSO_TYPE -> header.set(JAVA_BYTE, 1, (byte) random.nextInt());
            case HEADER_LENGTH -> put16(header, 2, random.nextInt());
            case GSO_SIZE -> put16(header, 4, random.nextInt());
            case CHECKSUM -> {
                header.set(JAVA_BYTE, 0, (byte) 1);
                // About where the frame ends, or anywhere.
                boolean close = random.nextBoolean();
                put16(header, 6, close ? length - 4 + random.nextInt(8) : random.nextInt());
                put16(header, 8, close ? random.nextInt(8) : random.nextInt());
            }
            case NO_BUFFERS -> put16(header, 10, 0);
            case SEVERAL_BUFFERS -> put16(header, 10, 2 + random.nextInt(8));
            case TOO_MANY_BUFFERS -> {
                if (!isFatalTime()) {
                    return;
                }
                put16(header, 10, 0x8000 + random.nextInt(0x8000));
            }
        }
        lied();
    }

    private static void put16(MemorySegment at, int offset, int value) {
        at.set(JAVA_SHORT_UNALIGNED, offset, (short) value);
    }
}
