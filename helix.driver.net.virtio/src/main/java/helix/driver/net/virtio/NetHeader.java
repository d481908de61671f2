package helix.driver.net.virtio;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// The header before each frame: `struct virtio_net_hdr` of VIRTIO 1.2, section 5.1.6.
///
/// ```
///  0      1         2        4         6           8            10           12
///  | flags| gso_type| hdr_len| gso_size| csum_start| csum_offset| num_buffers|  frame …
/// ```
///
/// It lies in the frame's headroom, just before the data, so that both are one piece.
final class NetHeader {
    /// With VERSION_1 always with `num_buffers`.
    static final int BYTES = 12;

    /// The checksum is to be completed from `csum_start` on.
    static final int F_NEEDS_CSUM = 1;

    /// The checksum was found right.
    static final int F_DATA_VALID = 2;

    /// Not to be cut.
    static final int GSO_NONE = 0;

    /// TCP over IPv4, to be cut.
    static final int GSO_TCPV4 = 1;

    /// TCP over IPv6, to be cut.
    static final int GSO_TCPV6 = 4;

    private static final int FLAGS_AND_GSO = 0xFFFF;

    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private NetHeader() {}

    /// Writes the header of a frame that nothing is to be done about. If it is there already, its
    /// cache line stays as it is: both sides can then have it, and none waits for it.
    static void plain(MemorySegment memory, long data) {
        if ((memory.get(INT, data - 12) | memory.get(INT, data - 8) | memory.get(INT, data - 4))
                != 0) {
            memory.set(INT, data - 12, 0);
            memory.set(INT, data - 8, 0);
            memory.set(INT, data - 4, 0);
        }
    }

    /// Writes the header of a frame whose checksum the device computes.
    static void checksum(MemorySegment memory, long data, int start, int offset) {
        memory.set(INT, data - 12, F_NEEDS_CSUM);
        memory.set(INT, data - 8, start << 16);
        memory.set(INT, data - 4, offset & 0xFFFF);
    }

    /// Adds that the frame is to be cut.
    static void cut(MemorySegment memory, long data, int gso, int headers, int segmentSize) {
        memory.set(INT, data - 12, F_NEEDS_CSUM | gso << 8 | headers << 16);
        memory.set(SHORT, data - 8, (short) segmentSize);
    }

    /// Whether nothing is said of a frame received, but perhaps that it is in one buffer.
    static boolean saysNothing(MemorySegment memory, long data, boolean mergeable) {
        return (memory.get(INT, data - 12) & FLAGS_AND_GSO) == 0
                && (!mergeable || buffers(memory, data) == 1);
    }

    /// The first 32 bits: `flags`, `gso_type` and `hdr_len`.
    static int first(MemorySegment memory, long data) {
        return memory.get(INT, data - 12);
    }

    static int flags(int first) {
        return first & 0xFF;
    }

    static int gso(int first) {
        return first >>> 8 & 0xFF;
    }

    static int checksumStart(MemorySegment memory, long data) {
        return memory.get(SHORT, data - 6) & 0xFFFF;
    }

    static int checksumOffset(MemorySegment memory, long data) {
        return memory.get(SHORT, data - 4) & 0xFFFF;
    }

    static int buffers(MemorySegment memory, long data) {
        return memory.get(SHORT, data - 2) & 0xFFFF;
    }
}
