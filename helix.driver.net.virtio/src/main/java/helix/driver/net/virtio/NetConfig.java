package helix.driver.net.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.MmioRegion;
import helix.virtio.VirtioTransport;

/// What the device says of itself: `struct virtio_net_config`, VIRTIO 1.2, section 5.1.4.
///
/// @param mac the hardware address, 0 if it has none
/// @param status bits of its state, [#LINK_UP] if it does not tell
/// @param maxPairs how many pairs of queues it has
/// @param mtu the largest payload
/// @param speed of the link in megabits per second, 0 if unknown
record NetConfig(long mac, int status, int maxPairs, int mtu, long speed) {
    /// VIRTIO_NET_S_LINK_UP.
    static final int LINK_UP = 1;

    /// VIRTIO_NET_S_ANNOUNCE.
    static final int ANNOUNCE = 2;

    private static final int DEFAULT_MTU = 1500;

    /// Section 5.1.4.1: `mtu` is 68 to 65535.
    private static final int LEAST_MTU = 68;

    /// Section 5.1.5: `max_virtqueue_pairs` is 1 to 0x8000.
    private static final int MOST_PAIRS = 0x8000;

    private static final int STATUS_OFFSET = 6;
    private static final int PAIRS_OFFSET = 8;
    private static final int MTU_OFFSET = 10;
    private static final int SPEED_OFFSET = 12;
    private static final int GENERATION_TRIES = 100;

    /// Reads it; again while the device changes it, section 2.5.1.
    ///
    /// @throws DeviceException if what it says cannot be, or does not come to rest
    static NetConfig read(VirtioTransport transport, long features) {
        for (int i = 0; i < GENERATION_TRIES; i++) {
            int before = transport.configGeneration();
            NetConfig config = once(transport.config(), features);
            if (transport.configGeneration() == before) {
                return config.checked();
            }
        }
        throw new DeviceException("the configuration does not come to rest");
    }

    private static NetConfig once(MmioRegion region, long features) {
        long mac = 0;
        if ((features & NetFeature.MAC) != 0) {
            for (int i = 0; i < 6; i++) {
                mac = mac << 8 | region.read8(i);
            }
        }
        return new NetConfig(
                mac,
                (features & NetFeature.STATUS) == 0 ? LINK_UP : region.read16(STATUS_OFFSET),
                (features & NetFeature.MQ) == 0 ? 1 : region.read16(PAIRS_OFFSET),
                (features & NetFeature.MTU) == 0 ? DEFAULT_MTU : region.read16(MTU_OFFSET),
                (features & NetFeature.SPEED_DUPLEX) == 0 ? 0 : speed(region.read32(SPEED_OFFSET)));
    }

    /// Section 5.1.4: anything above 0x7fffffff is unknown.
    private static long speed(int value) {
        return Math.max(0, value);
    }

    private NetConfig checked() {
        if (mtu < LEAST_MTU) {
            throw new DeviceException("its MTU of " + mtu + " is less than " + LEAST_MTU);
        }
        if (maxPairs < 1 || maxPairs > MOST_PAIRS) {
            throw new DeviceException("its number of queue pairs of " + maxPairs + " is none");
        }
        return this;
    }

    boolean isLinkUp() {
        return (status & LINK_UP) != 0;
    }

    boolean wantsAnnouncement() {
        return (status & ANNOUNCE) != 0;
    }

    /// A hardware address as people write it.
    static String text(long mac) {
        StringBuilder text = new StringBuilder();
        for (int shift = 40; shift >= 0; shift -= 8) {
            text.append(text.isEmpty() ? "" : ":").append("%02x".formatted(mac >>> shift & 0xFF));
        }
        return text.toString();
    }
}
