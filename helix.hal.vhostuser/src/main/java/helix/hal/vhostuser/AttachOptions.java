package helix.hal.vhostuser;

import helix.hal.api.DeviceException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/// What is to be attached.
///
/// @param id its name among what is attached
/// @param kind what stands behind the socket
/// @param path the socket
/// @param queueSize the most entries of a queue
/// @param mac a network device's address, the first byte highest
/// @param without features that are kept from the driver, although the back-end has them
record AttachOptions(String id, DeviceKind kind, Path path, int queueSize, long mac, long without) {
    private static final Set<String> KNOWN = Set.of("id", "path", "queue-size", "mac", "without");
    private static final int DEFAULT_QUEUE_SIZE = 1024;
    private static final int MAX_QUEUE_SIZE = 32768;
    private static final int MAC_SIZE = 6;
    private static final long LOCAL_PREFIX = 0x0268L << 32;

    /// Reads `path`, `queue-size`, `mac` and `without`.
    static AttachOptions of(String id, String kind, Map<String, String> options) {
        options.keySet().stream()
                .filter(k -> !KNOWN.contains(k))
                .findFirst()
                .ifPresent(k -> {
                    throw new DeviceException(
                            "vhost-user devices have no option '%s', only %s"
                                    .formatted(k, KNOWN.stream().sorted().toList()));
                });
        String path = options.get("path");
        if (path == null || path.isEmpty()) {
            throw new DeviceException("a vhost-user device needs path=SOCKET");
        }
        return new AttachOptions(
                id,
                DeviceKind.of(kind),
                Path.of(path),
                queueSize(options.get("queue-size")),
                mac(options.get("mac"), path),
                without(options.get("without")));
    }

    /// Numbers of feature bits, with commas between them.
    private static long without(@Nullable String text) {
        long bits = 0;
        if (text != null && !text.isEmpty()) {
            for (String number : text.split(",", -1)) {
                bits |= 1L << featureBit(number.strip());
            }
        }
        return bits;
    }

    private static int featureBit(String text) {
        try {
            int bit = Integer.parseInt(text);
            // Without VERSION_1 there would be no device.
            if (bit >= 0 && bit < Long.SIZE && 1L << bit != VhostUser.F_VERSION_1) {
                return bit;
            }
        } catch (NumberFormatException e) {
            throw new DeviceException("feature '" + text + "' is no number", e);
        }
        throw new DeviceException("feature " + text + " cannot be left out");
    }

    private static int queueSize(@Nullable String text) {
        if (text == null) {
            return DEFAULT_QUEUE_SIZE;
        }
        try {
            int size = Integer.parseInt(text);
            if (size >= 2 && size <= MAX_QUEUE_SIZE && Integer.bitCount(size) == 1) {
                return size;
            }
        } catch (NumberFormatException e) {
            throw new DeviceException("queue-size '" + text + "' is no number", e);
        }
        throw new DeviceException(
                "queue-size %s is no power of two from 2 to %d".formatted(text, MAX_QUEUE_SIZE));
    }

    /// The given one, or a locally administered one that stays the same for a socket.
    private static long mac(@Nullable String text, String path) {
        if (text == null) {
            CRC32 hash = new CRC32();
            hash.update(path.getBytes(StandardCharsets.UTF_8));
            return LOCAL_PREFIX | hash.getValue();
        }
        byte[] mac;
        try {
            mac = HexFormat.ofDelimiter(":").parseHex(text);
        } catch (IllegalArgumentException e) {
            throw new DeviceException("mac '" + text + "' is no MAC address", e);
        }
        if (mac.length != MAC_SIZE || (mac[0] & 1) != 0) {
            throw new DeviceException("mac '" + text + "' is no unicast MAC address");
        }
        long value = 0;
        for (byte b : mac) {
            value = (value << 8) | (b & 0xFF);
        }
        return value;
    }
}
