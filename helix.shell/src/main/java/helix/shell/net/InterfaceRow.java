package helix.shell.net;

import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Backing;
import java.util.HexFormat;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// An interface as `helix:lsnet` shows it.
///
/// @param name its stable name
/// @param state `present`, `driverless` or `absent`
/// @param link `up` or `down`
/// @param mac its hardware address
/// @param mtu the largest payload of a frame
/// @param speed megabits per second, null if unknown
/// @param device the device behind it, null while there is none
/// @param driver that device's driver, null while there is none
/// @param generation that driver's generation, null while there is none
/// @param user who has it open, null if nobody
public record InterfaceRow(
        String name,
        String state,
        String link,
        String mac,
        int mtu,
        @Nullable Long speed,
        @Nullable String device,
        @Nullable String driver,
        @Nullable Long generation,
        @Nullable String user) {
    private static final HexFormat MAC = HexFormat.ofDelimiter(":");

    static InterfaceRow of(NetworkInterface face) {
        Backing backing = face.backing().orElse(null);
        long speed = face.linkSpeed();
        return new InterfaceRow(
                face.name(),
                face.state().name().toLowerCase(Locale.ROOT),
                face.isLinkUp() ? "up" : "down",
                mac(face.macAddress()),
                face.mtu(),
                speed > 0 ? speed : null,
                backing == null ? null : backing.device(),
                backing == null ? null : backing.driver(),
                backing == null ? null : backing.generation(),
                face.user().orElse(null));
    }

    /// A hardware address as people write it. A hardware address as people write it.
    ///
    /// @param address in its lower 48 bits
    /// @return such as `52:54:00:48:58:00`
    public static String mac(long address) {
        byte[] bytes = new byte[6];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (address >>> (8 * (bytes.length - 1 - i)));
        }
        return MAC.formatHex(bytes);
    }
}
