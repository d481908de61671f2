package helix.net.internal;

import helix.driver.api.net.NetworkDevice;
import helix.hal.api.Device;
import helix.net.api.NetworkInterface;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One generation of a driver behind an interface: a network device service and what its properties
/// say.
final class NetBackend {
    private static final String DRIVER = "driver.name";
    private static final String MODULE = "module.name";
    private static final String GENERATION = "module.generation";
    private static final int OCTETS = 6;

    private static final Pattern NUMBERED = Pattern.compile("\\D*(\\d{1,6})");

    private final NetworkDevice device;
    private final int number;
    private final String identity;
    private final long mac;
    private final NetworkInterface.Backing backing;

    NetBackend(NetworkDevice device, Map<String, ?> properties) {
        this.device = device;
        mac = device.macAddress();
        Matcher module = NUMBERED.matcher(text(properties, MODULE, ""));
        number = module.matches() ? Integer.parseInt(module.group(1)) : 0;
        identity = text(properties, NetworkDevice.IDENTITY, text(mac));
        backing =
                new NetworkInterface.Backing(
                        text(properties, Device.ID, ""),
                        text(properties, DRIVER, ""),
                        properties.get(GENERATION) instanceof Number n ? n.longValue() : 0);
    }

    private static String text(Map<String, ?> properties, String key, String absent) {
        return properties.get(key) instanceof String s ? s : absent;
    }

    /// A hardware address as people write it.
    static String text(long mac) {
        StringBuilder text = new StringBuilder();
        for (int i = OCTETS - 1; i >= 0; i--) {
            text.append(String.format(Locale.ROOT, "%02x", mac >>> (8 * i) & 0xFF));
            text.append(i > 0 ? ":" : "");
        }
        return text.toString();
    }

    /// The number of the driver's module, `vnet1`.
    int number() {
        return number;
    }

    NetworkDevice device() {
        return device;
    }

    /// What identifies the device wherever it is plugged.
    String identity() {
        return identity;
    }

    /// The hardware address, as it was when the generation began.
    long mac() {
        return mac;
    }

    String deviceId() {
        return backing.device();
    }

    NetworkInterface.Backing backing() {
        return backing;
    }

    @Override
    public String toString() {
        return backing.driver() + " generation " + backing.generation() + " at " + deviceId();
    }
}
