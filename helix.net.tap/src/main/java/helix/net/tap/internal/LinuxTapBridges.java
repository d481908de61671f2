package helix.net.tap.internal;

import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Port;
import helix.net.api.NetworkInterface.PortOptions;
import helix.net.api.tap.TapBridges;
import helix.posix.PosixException;
import helix.posix.TapDevice;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;

/// The bridges there are.
@Component
public final class LinuxTapBridges implements TapBridges {
    private static final PortOptions OPTIONS = new PortOptions(512, 512, 2048, 2048, true, false);

    private final List<PortBridge> bridges = new CopyOnWriteArrayList<>();

    /// Makes one without bridges.
    public LinuxTapBridges() {}

    @Override
    public Bridge bridge(NetworkInterface of, String tap) throws IOException {
        Port port = of.open("net:bridge --tap " + tap, OPTIONS);
        PortBridge made = null;
        try {
            TapDevice device = TapDevice.open(tap, of.macAddress(), of.mtu());
            made = new PortBridge(of, port, device, bridges::remove);
        } catch (PosixException e) {
            throw new IOException("no TAP device " + tap + ": " + e.getMessage(), e);
        } finally {
            if (made == null) {
                port.close();
            }
        }
        bridges.add(made);
        made.start();
        return made;
    }

    @Override
    public List<Bridge> bridges() {
        return List.copyOf(bridges);
    }

    @Deactivate
    void deactivate() {
        bridges.forEach(PortBridge::close);
    }
}
