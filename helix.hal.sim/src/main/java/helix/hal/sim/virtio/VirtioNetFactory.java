package helix.hal.sim.virtio;

import helix.hal.api.DeviceException;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.ModelFactory;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.osgi.service.component.annotations.Component;

/// Makes virtio network cards, and the switches between them.
@Component(service = ModelFactory.class)
public final class VirtioNetFactory implements ModelFactory {
    private static final String SWITCH = "switch=";
    private static final String SOCKET = "socket=";

    private final Map<String, NetSwitch> switches = new ConcurrentHashMap<>();

    @Override
    public String kind() {
        return "virtio-net";
    }

    @Override
    public String description() {
        return "a virtio network card; peer=loopback|switch=NAME|socket=PATH (loopback), mac, queues"
                + " (1), queue-size (256), vectors, mtu (1500), speed, mrg_rxbuf, csum, tso, guest_csum,"
                + " guest_tso, ctrl_vq, ctrl_rx, ctrl_vlan, ctrl_mac_addr, mtu_feature,"
                + " order=fifo|shuffled, packed, event_idx, indirect_desc, in_order,"
                + " iommu_platform, queue_reset, notification_data";
    }

    @Override
    public DeviceModel create(String id, Map<String, String> options) {
        Options given = new Options(options);
        VirtioPciModel.Settings transport = VirtioPciModel.Settings.of(given, false);
        NetSettings settings = NetSettings.of(id, given);
        String peer = given.text("peer", "loopback");
        given.end();
        return new VirtioPciModel(new NetDevice(settings, peer(peer)), transport);
    }

    private NetPeer peer(String name) {
        if (name.equals("loopback")) {
            return new Loopback();
        }
        if (name.startsWith(SWITCH) && name.length() > SWITCH.length()) {
            return switches.computeIfAbsent(name.substring(SWITCH.length()), _ -> new NetSwitch())
                    .plug();
        }
        if (name.startsWith(SOCKET) && name.length() > SOCKET.length()) {
            return new SocketPeer(Path.of(name.substring(SOCKET.length())));
        }
        throw new DeviceException("peer is loopback, switch=NAME or socket=PATH, not " + name);
    }
}
