package helix.hal.vhostuser;

import helix.hal.api.DeviceException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// The kinds of virtio devices that can stand behind a socket. The protocol does not say which one
/// does. Virtio 1.2, section 5.
enum DeviceKind {
    /// 5.2. Features: SIZE_MAX, SEG_MAX, GEOMETRY, RO, BLK_SIZE, FLUSH, TOPOLOGY, CONFIG_WCE, MQ,
    /// DISCARD, WRITE_ZEROES, LIFETIME, SECURE_ERASE.
    BLK(2, 0x01_0000, 60, bits(1, 2, 4, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16), 64) {
        // 5.2.4: num_queues says how many there are.
        @Override
        byte[] configure(byte[] config, int queues, long mac) {
            ByteBuffer.wrap(config)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putShort(BLK_NUM_QUEUES, (short) queues);
            return config;
        }
    },

    /// 5.1, without its control queue: that one is the front-end's to serve. One pair of queues.
    /// Features: CSUM, GUEST_CSUM, GUEST_TSO4, TSO6, ECN, UFO, HOST_TSO4, TSO6, ECN, UFO,
    /// MRG_RXBUF.
    NET(1, 0x02_0000, 12, bits(0, 1, 7, 8, 9, 10, 11, 12, 13, 14, 15), 2) {
        // 5.1.4: mac, status, max_virtqueue_pairs.
        @Override
        byte[] configure(byte[] config, int queues, long mac) {
            byte[] own = new byte[configSize];
            for (int i = 0; i < NET_STATUS; i++) {
                own[i] = (byte) (mac >>> (8 * (NET_STATUS - 1 - i)));
            }
            own[NET_STATUS] = 1;
            own[NET_STATUS + 2] = 1;
            return own;
        }

        @Override
        long ownFeatures() {
            return bits(5, 16);
        }

        @Override
        int queues(int offered) {
            return 2;
        }
    };

    /// Of struct virtio_blk_config: the write cache's mode, the only field that a driver may write.
    static final int BLK_WRITEBACK = 32;

    private static final int BLK_NUM_QUEUES = 34;

    /// Of struct virtio_net_config; LINK_UP is 1.
    private static final int NET_STATUS = 6;

    /// CONFIG_WCE: the driver may write [#BLK_WRITEBACK].
    static final long BLK_CONFIG_WCE = 1L << 11;

    /// Of every kind: INDIRECT_DESC, EVENT_IDX, VERSION_1, RING_PACKED, IN_ORDER, ORDER_PLATFORM.
    /// Not NOTIFICATION_DATA, which an eventfd does not carry, and not ACCESS_PLATFORM.
    private static final long COMMON = bits(28, 29, 32, 34, 35, 36);

    final int virtioId;
    final int classCode;
    final int configSize;
    private final long features;
    private final int mostQueues;

    DeviceKind(int virtioId, int classCode, int configSize, long features, int mostQueues) {
        this.virtioId = virtioId;
        this.classCode = classCode;
        this.configSize = configSize;
        this.features = features;
        this.mostQueues = mostQueues;
    }

    private static long bits(int... bits) {
        return Arrays.stream(bits).mapToLong(b -> 1L << b).reduce(0, (a, b) -> a | b);
    }

    /// The name in commands and configurations.
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// By its name.
    static DeviceKind of(String word) {
        return Arrays.stream(values())
                .filter(k -> k.word().equals(word))
                .findFirst()
                .orElseThrow(() ->
                        new DeviceException(
                                "no kind of vhost-user device '%s': expected one of %s"
                                        .formatted(
                                                word,
                                                List.of(values()).stream()
                                                        .map(DeviceKind::word)
                                                        .toList())));
    }

    /// What the function offers to its driver.
    long offered(long peerFeatures) {
        return (peerFeatures & (features | COMMON)) | ownFeatures();
    }

    /// Features that need nothing of the back-end.
    long ownFeatures() {
        return 0;
    }

    /// How many queues the function has.
    ///
    /// @param offered how many the back-end says it serves
    int queues(int offered) {
        return Math.clamp(offered, 1, mostQueues);
    }

    /// The config space as the driver sees it.
    ///
    /// @param config what the back-end gave, zeroes where it has none
    /// @param mac the address of a network device, the first byte highest
    abstract byte[] configure(byte[] config, int queues, long mac);
}
