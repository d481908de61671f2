package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;
import java.util.BitSet;

/// Which frames a card lets in: VIRTIO 1.2, sections 5.1.6.5.1 to 5.1.6.5.3.
final class NetFilter {
    static final int MAC_BYTES = 6;
    private static final int MOST_ADDRESSES = 256;
    private static final long BROADCAST = 0xFFFF_FFFF_FFFFL;
    private static final long MULTICAST = 1L << 40;
    private static final int TAG = 12;
    private static final int TAG_PROTOCOL = 0x8100;
    private static final int VLAN_ID = 0xFFF;

    private final long[] addresses = new long[MOST_ADDRESSES];
    private final BitSet vlans = new BitSet(VLAN_ID + 1);
    private int count;
    private long own;
    private boolean filtersAddresses;
    private boolean filtersVlans;
    private boolean promiscuous;
    private boolean allMulticast;
    private boolean allUnicast;
    private boolean noMulticast;
    private boolean noUnicast;
    private boolean noBroadcast;

    /// After a reset.
    void clear(long mac) {
        own = mac;
        count = 0;
        vlans.clear();
        filtersAddresses = false;
        filtersVlans = false;
        promiscuous = false;
        allMulticast = false;
        allUnicast = false;
        noMulticast = false;
        noUnicast = false;
        noBroadcast = false;
    }

    /// FEATURES_OK was set.
    void negotiated(boolean controlsReceive, boolean controlsVlans) {
        filtersAddresses = controlsReceive;
        filtersVlans = controlsVlans;
    }

    void mac(long mac) {
        own = mac;
    }

    /// VIRTIO_NET_CTRL_RX.
    ///
    /// @return false if there is no such command
    boolean mode(int command, boolean on) {
        switch (command) {
            case 0 -> promiscuous = on;
            case 1 -> allMulticast = on;
            case 2 -> allUnicast = on;
            case 3 -> noMulticast = on;
            case 4 -> noUnicast = on;
            case 5 -> noBroadcast = on;
            default -> {
                return false;
            }
        }
        return true;
    }

    /// VIRTIO_NET_CTRL_MAC_TABLE_SET: two tables, each with its count before it.
    ///
    /// @return false if it is not well formed
    boolean table(MemorySegment data, long at, long length) {
        long cursor = at;
        long end = at + length;
        int found = 0;
        for (int table = 0; table < 2; table++) {
            if (end - cursor < 4) {
                return false;
            }
            long entries = Wire.u32(data, cursor);
            cursor += 4;
            if (entries > (end - cursor) / MAC_BYTES || found + entries > MOST_ADDRESSES) {
                return false;
            }
            for (int i = 0; i < entries; i++) {
                addresses[found++] = address(data, cursor);
                cursor += MAC_BYTES;
            }
        }
        count = found;
        return true;
    }

    /// VIRTIO_NET_CTRL_VLAN.
    void vlan(int id, boolean in) {
        vlans.set(id & VLAN_ID, in);
    }

    /// An address, its first byte highest.
    static long address(MemorySegment frame, long at) {
        long low = Wire.i64(frame, at - 2);
        return Long.reverseBytes(low) & BROADCAST;
    }

    /// Whether a frame is let in.
    ///
    /// @param at of the frame, with at least 2 bytes before it
    boolean passes(MemorySegment frame, long at, int length) {
        if (length < 14) {
            return true; // it is too short to say
        }
        if (filtersVlans && big16(frame, at + TAG) == TAG_PROTOCOL && length >= 18) {
            int id = big16(frame, at + TAG + 2) & VLAN_ID;
            if (!vlans.get(id)) {
                return false;
            }
        }
        if (!filtersAddresses || promiscuous) {
            return true;
        }
        long to = address(frame, at);
        if (to == BROADCAST) {
            return !noBroadcast;
        }
        if ((to & MULTICAST) != 0) {
            return !noMulticast && (allMulticast || isListed(to));
        }
        return !noUnicast && (allUnicast || to == own || isListed(to));
    }

    private boolean isListed(long address) {
        for (int i = 0; i < count; i++) {
            if (addresses[i] == address) {
                return true;
            }
        }
        return false;
    }

    private static int big16(MemorySegment frame, long at) {
        return Wire.u8(frame, at) << 8 | Wire.u8(frame, at + 1);
    }
}
