package helix.driver.net.virtio;

import helix.virtio.VirtioFeature;

/// Feature bits of a network device, VIRTIO 1.2, section 5.1.3.
final class NetFeature {
    /// The device computes a frame's checksum.
    static final long CSUM = 1L;

    /// The driver takes frames whose checksum is not complete.
    static final long GUEST_CSUM = 1L << 1;

    /// The device says how large payloads may be.
    static final long MTU = 1L << 3;

    /// The device has a hardware address.
    static final long MAC = 1L << 5;

    /// The device cuts TCP over IPv4.
    static final long HOST_TSO4 = 1L << 11;

    /// The device cuts TCP over IPv6.
    static final long HOST_TSO6 = 1L << 12;

    /// A frame may be received into several buffers.
    static final long MRG_RXBUF = 1L << 15;

    /// The device tells of its link.
    static final long STATUS = 1L << 16;

    /// There is a control queue.
    static final long CTRL_VQ = 1L << 17;

    /// What is received can be controlled.
    static final long CTRL_RX = 1L << 18;

    /// VLANs are sorted.
    static final long CTRL_VLAN = 1L << 19;

    /// The device asks for announcements.
    static final long GUEST_ANNOUNCE = 1L << 21;

    /// There are several pairs of queues.
    static final long MQ = 1L << 22;

    /// The hardware address can be set.
    static final long CTRL_MAC_ADDR = 1L << 23;

    /// The device tells of the link's speed.
    static final long SPEED_DUPLEX = 1L << 63;

    /// What needs the control queue, section 5.1.3.1.
    private static final long NEED_CTRL_VQ =
            CTRL_RX | CTRL_VLAN | GUEST_ANNOUNCE | MQ | CTRL_MAC_ADDR;

    /// All that this driver deals with. Not among it: receiving what a peer wants cut or joined
    /// (GUEST_TSO and its like), so that no frame is longer than the MTU allows.
    static final long SUPPORTED =
            CSUM
                    | GUEST_CSUM
                    | MTU
                    | MAC
                    | HOST_TSO4
                    | HOST_TSO6
                    | MRG_RXBUF
                    | STATUS
                    | CTRL_VQ
                    | SPEED_DUPLEX
                    | NEED_CTRL_VQ
                    | VirtioFeature.RING_INDIRECT_DESC
                    | VirtioFeature.RING_EVENT_IDX
                    | VirtioFeature.VERSION_1
                    | VirtioFeature.ACCESS_PLATFORM
                    | VirtioFeature.RING_PACKED
                    | VirtioFeature.RING_RESET;

    private NetFeature() {}

    /// What of the supported features can be accepted of those offered: none without those that it
    /// requires, whatever the device says. Section 5.1.3.1.
    static long acceptable(long offered) {
        long supported = SUPPORTED;
        if ((offered & CTRL_VQ) == 0) {
            supported &= ~NEED_CTRL_VQ;
        }
        if ((offered & CSUM) == 0) {
            supported &= ~(HOST_TSO4 | HOST_TSO6);
        }
        if ((offered & STATUS) == 0) {
            supported &= ~GUEST_ANNOUNCE;
        }
        return supported;
    }
}
