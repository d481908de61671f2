package helix.hal.vhostuser;

/// Names and numbers of the vhost-user protocol, as QEMU's docs/interop/vhost-user.rst has them.
final class VhostUser {
    /// Bytes of a message's header: request, flags, size.
    static final int HEADER = 12;

    /// Of the flags: version 1, this is a reply, a reply is asked for.
    static final int VERSION_MASK = 3;

    static final int VERSION = 1;
    static final int FLAG_REPLY = 1 << 2;
    static final int FLAG_NEED_REPLY = 1 << 3;

    /// Feature bit 30: there are protocol features.
    static final long F_PROTOCOL_FEATURES = 1L << 30;

    /// Virtio 1.2, section 6: what every device and transport here needs.
    static final long F_VERSION_1 = 1L << 32;

    static final long F_RING_PACKED = 1L << 34;

    /// In SET_VRING_KICK, CALL and ERR: no descriptor comes with it.
    static final long NO_FD = 1L << 8;

    /// The index of a queue is 8 bits there.
    static final int MAX_QUEUES = 256;

    /// Of the config space that GET_CONFIG transfers.
    static final int MAX_CONFIG = 256;

    /// The wrap counters of a packed ring that begins: bit 15 for the driver's side, bit 31 for the
    /// device's; both indexes are 0.
    static final int PACKED_BASE = (1 << 15) | (1 << 31);

    private VhostUser() {}

    /// The requests that are used here.
    enum Request {
        GET_FEATURES(1),
        SET_FEATURES(2),
        SET_OWNER(3),
        SET_MEM_TABLE(5),
        SET_VRING_NUM(8),
        SET_VRING_ADDR(9),
        SET_VRING_BASE(10),
        GET_VRING_BASE(11),
        SET_VRING_KICK(12),
        SET_VRING_CALL(13),
        SET_VRING_ERR(14),
        GET_PROTOCOL_FEATURES(15),
        SET_PROTOCOL_FEATURES(16),
        GET_QUEUE_NUM(17),
        SET_VRING_ENABLE(18),
        GET_CONFIG(24),
        SET_CONFIG(25),
        RESET_DEVICE(34);

        final int code;

        Request(int code) {
            this.code = code;
        }
    }

    /// The protocol features that are used here, as masks.
    static final class Protocol {
        static final long MQ = 1L;
        static final long REPLY_ACK = 1L << 3;
        static final long CONFIG = 1L << 9;
        static final long RESET_DEVICE = 1L << 13;
        static final long USED = MQ | REPLY_ACK | CONFIG | RESET_DEVICE;

        private Protocol() {}
    }
}
