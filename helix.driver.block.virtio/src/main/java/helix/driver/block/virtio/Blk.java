package helix.driver.block.virtio;

import helix.virtio.VirtioFeature;

/// Numbers of block devices: VIRTIO 1.2, sections 5.2.3 (features), 5.2.4 (configuration) and 5.2.6
/// (requests).
final class Blk {
    /// Most bytes of a segment are in `size_max`.
    static final long F_SIZE_MAX = 1L << 1;

    /// Most segments of a request are in `seg_max`.
    static final long F_SEG_MAX = 1L << 2;

    /// The device cannot be written to.
    static final long F_RO = 1L << 5;

    /// The size of a block is in `blk_size`.
    static final long F_BLK_SIZE = 1L << 6;

    /// There is a flush command, and with it perhaps a volatile cache.
    static final long F_FLUSH = 1L << 9;

    /// What transfers the device likes.
    static final long F_TOPOLOGY = 1L << 10;

    /// The cache's mode is in `writeback`.
    static final long F_CONFIG_WCE = 1L << 11;

    /// There are several queues.
    static final long F_MQ = 1L << 12;

    /// There is a discard command.
    static final long F_DISCARD = 1L << 13;

    /// There is a write zeroes command.
    static final long F_WRITE_ZEROES = 1L << 14;

    /// All that this driver can deal with.
    static final long SUPPORTED =
            F_SIZE_MAX
                    | F_SEG_MAX
                    | F_RO
                    | F_BLK_SIZE
                    | F_FLUSH
                    | F_TOPOLOGY
                    | F_CONFIG_WCE
                    | F_MQ
                    | F_DISCARD
                    | F_WRITE_ZEROES
                    | VirtioFeature.RING_INDIRECT_DESC
                    | VirtioFeature.RING_EVENT_IDX
                    | VirtioFeature.RING_PACKED
                    | VirtioFeature.VERSION_1
                    | VirtioFeature.ACCESS_PLATFORM
                    | VirtioFeature.ORDER_PLATFORM
                    | VirtioFeature.RING_RESET;

    static final int T_IN = 0;
    static final int T_OUT = 1;
    static final int T_FLUSH = 4;
    static final int T_GET_ID = 8;
    static final int T_DISCARD = 11;
    static final int T_WRITE_ZEROES = 13;

    static final int S_OK = 0;
    static final int S_IOERR = 1;
    static final int S_UNSUPP = 2;

    /// What the answer to GET_ID has, not ended by a zero if it is full.
    static final int ID_BYTES = 20;

    /// The unit of the configuration and of requests, whatever the size of a block.
    static final int SECTOR_SHIFT = 9;

    private Blk() {}
}
