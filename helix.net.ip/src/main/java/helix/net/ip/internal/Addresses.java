package helix.net.ip.internal;

import java.io.IOException;
import java.util.Locale;
import java.util.regex.Pattern;

/// IPv4 addresses as numbers and as people write them.
final class Addresses {
    static final int ANY = 0;
    static final int BROADCAST = -1;
    static final long BROADCAST_MAC = 0xFFFF_FFFF_FFFFL;

    private static final Pattern DOTTED = Pattern.compile("[0-9]{1,3}(\\.[0-9]{1,3}){3}");

    private Addresses() {}

    static int parse(String text) throws IOException {
        if (!DOTTED.matcher(text).matches()) {
            throw new IOException("'" + text + "' is no IPv4 address (names are not resolved)");
        }
        int address = 0;
        for (String part : text.split("\\.", -1)) {
            int value = Integer.parseInt(part);
            if (value > 255) {
                throw new IOException("'" + text + "' is no IPv4 address");
            }
            address = address << 8 | value;
        }
        return address;
    }

    static String text(int address) {
        return String.format(
                Locale.ROOT,
                "%d.%d.%d.%d",
                address >>> 24,
                address >>> 16 & 0xFF,
                address >>> 8 & 0xFF,
                address & 0xFF);
    }

    /// The mask of a network.
    static int mask(int prefix) {
        return prefix == 0 ? 0 : -1 << (32 - prefix);
    }
}
