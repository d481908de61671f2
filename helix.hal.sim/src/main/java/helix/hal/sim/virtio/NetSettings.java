package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// How a network card was ordered.
///
/// @param mac its address, the first byte highest
/// @param pairs how many pairs of queues
/// @param mtu the largest payload of a frame
/// @param speed in Mbit/s
/// @param features of the kind that are offered
record NetSettings(long mac, int pairs, int mtu, int speed, long features) {
    private static final int MOST_PAIRS = 32;

    static NetSettings of(String id, Options options) {
        int pairs = (int) options.number("queues", 1, 1, MOST_PAIRS);
        long features = NetDevice.F_MAC | NetDevice.F_STATUS | NetDevice.F_SPEED_DUPLEX;
        features |= on(options, "mrg_rxbuf", NetDevice.F_MRG_RXBUF);
        features |= on(options, "mtu_feature", NetDevice.F_MTU);
        if (options.flag("csum", true)) {
            features |= NetDevice.F_CSUM;
            features |=
                    options.flag("tso", true) ? NetDevice.F_HOST_TSO4 | NetDevice.F_HOST_TSO6 : 0;
        }
        if (options.flag("guest_csum", true)) {
            features |= NetDevice.F_GUEST_CSUM;
            features |=
                    options.flag("guest_tso", true)
                            ? NetDevice.F_GUEST_TSO4 | NetDevice.F_GUEST_TSO6
                            : 0;
        }
        if (options.flag("ctrl_vq", true)) {
            features |= NetDevice.F_CTRL_VQ | NetDevice.F_GUEST_ANNOUNCE;
            features |= on(options, "ctrl_rx", NetDevice.F_CTRL_RX);
            features |= on(options, "ctrl_mac_addr", NetDevice.F_CTRL_MAC_ADDR);
            features |= on(options, "ctrl_vlan", NetDevice.F_CTRL_VLAN);
            features |= pairs > 1 ? NetDevice.F_MQ : 0;
        } else if (pairs > 1) {
            throw new DeviceException("several queues need ctrl_vq=on");
        }
        return new NetSettings(
                mac(id, options.text("mac")),
                pairs,
                (int) options.number("mtu", 1500, 68, 65535),
                (int) options.number("speed", 10_000, 0, Integer.MAX_VALUE),
                features);
    }

    private static long on(Options options, String name, long feature) {
        return options.flag(name, true) ? feature : 0;
    }

    private static long mac(String id, @Nullable String text) {
        if (text == null) {
            // Locally administered, the same for the same id.
            return 0x0252_5400_0000L | (id.hashCode() & 0xFF_FFFFL);
        }
        String[] parts = text.toLowerCase(Locale.ROOT).split(":", -1);
        long mac = 0;
        for (String part : parts) {
            if (parts.length != 6 || !part.matches("[0-9a-f]{2}")) {
                throw new DeviceException(
                        "mac is six bytes such as 02:00:00:00:00:01, not " + text);
            }
            mac = mac << 8 | Integer.parseInt(part, 16);
        }
        if ((mac >>> 40 & 1) != 0) {
            throw new DeviceException("mac is the address of a group: " + text);
        }
        return mac;
    }
}
