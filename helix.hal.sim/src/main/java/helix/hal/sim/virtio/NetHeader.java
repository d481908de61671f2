package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;

/// struct virtio_net_hdr: VIRTIO 1.2, section 5.1.6.
final class NetHeader {
    static final int FLAGS = 0;
    static final int GSO_TYPE = 1;
    static final int HDR_LEN = 2;
    static final int GSO_SIZE = 4;
    static final int CSUM_START = 6;
    static final int CSUM_OFFSET = 8;
    static final int NUM_BUFFERS = 10;
    static final int BYTES = 12;

    static final int F_NEEDS_CSUM = 1;

    static final int GSO_NONE = 0;
    static final int GSO_TCPV4 = 1;
    static final int GSO_TCPV6 = 4;
    static final int GSO_ECN = 0x80;

    private NetHeader() {}

    /// Takes what is not known out of a header that a driver wrote, 5.1.6.2.2.
    static void clean(MemorySegment memory, long at) {
        Wire.put8(memory, at + FLAGS, Wire.u8(memory, at + FLAGS) & F_NEEDS_CSUM);
        int type = Wire.u8(memory, at + GSO_TYPE);
        if (type != GSO_TCPV4 && type != GSO_TCPV6) {
            Wire.put8(memory, at + GSO_TYPE, GSO_NONE);
        }
    }
}
