package helix.hal.sim.virtio;

import helix.hal.api.machine.MachineControl.Choice;
import helix.hal.sim.api.DeviceContext;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A network card: VIRTIO 1.2, section 5.1.
final class NetDevice extends VirtioDevice implements NetPeer.NetPort {
    static final long F_CSUM = 1L;
    static final long F_GUEST_CSUM = 1L << 1;
    static final long F_MTU = 1L << 3;
    static final long F_MAC = 1L << 5;
    static final long F_GUEST_TSO4 = 1L << 7;
    static final long F_GUEST_TSO6 = 1L << 8;
    static final long F_HOST_TSO4 = 1L << 11;
    static final long F_HOST_TSO6 = 1L << 12;
    static final long F_MRG_RXBUF = 1L << 15;
    static final long F_STATUS = 1L << 16;
    static final long F_CTRL_VQ = 1L << 17;
    static final long F_CTRL_RX = 1L << 18;
    static final long F_CTRL_VLAN = 1L << 19;
    static final long F_GUEST_ANNOUNCE = 1L << 21;
    static final long F_MQ = 1L << 22;
    static final long F_CTRL_MAC_ADDR = 1L << 23;
    static final long F_SPEED_DUPLEX = 1L << 63;

    /// struct virtio_net_config, 5.1.4.
    private static final int STATUS = 6;

    private static final int MAX_PAIRS = 8;
    private static final int MTU = 10;
    private static final int SPEED = 12;
    private static final int DUPLEX = 16;
    private static final int CONFIG_BYTES = 24;

    private static final int S_LINK_UP = 1;
    private static final int S_ANNOUNCE = 2;

    private static final int ETHERNET = 14;
    private static final int TAG = 4;
    private static final int INBOX_BYTES = 1 << 20;
    private static final int BUDGET = 128;
    private static final int MOST_FRAME = 65_550 + NetHeader.BYTES;

    private final NetSettings settings;
    private final NetPeer peer;
    private final ConfigSpace config = new ConfigSpace(CONFIG_BYTES);
    private final FrameQueue inbox = new FrameQueue(INBOX_BYTES);
    private final NetFilter filter = new NetFilter();
    private final NetFaults faults = new NetFaults();
    private final NetControl control = new NetControl(this, filter);
    private final NetReceiver receiver;
    private final Chain chain = new Chain();
    private volatile boolean carrier = true;
    private volatile boolean receiving;
    private boolean linkUp = true;
    private int pairs = 1;

    NetDevice(NetSettings settings, NetPeer peer) {
        this.settings = settings;
        this.peer = peer;
        receiver = new NetReceiver(this, inbox, filter, faults, settings.pairs());
        setMac(settings.mac());
        config.field(STATUS, 2, S_LINK_UP);
        config.field(MAX_PAIRS, 2, settings.pairs());
        config.field(MTU, 2, settings.mtu());
        config.field(SPEED, 4, settings.speed());
        config.set(DUPLEX, 1, 1);
        config.field(18, 2, 0);
        config.field(20, 4, 0);
    }

    private void setMac(long mac) {
        for (int i = 0; i < NetFilter.MAC_BYTES; i++) {
            config.set(i, 1, mac >>> (40 - 8 * i));
        }
    }

    @Override
    void powerOn(VirtioPciModel transport) {
        super.powerOn(transport);
        for (int i = 0; i < settings.pairs(); i++) {
            transport.queue(2 * i).keepOrder();
        }
        peer.attach(this);
    }

    @Override
    int deviceId() {
        return 1;
    }

    @Override
    int classCode() {
        return 0x02_00_00;
    }

    @Override
    long features() {
        return settings.features();
    }

    @Override
    int queues() {
        return 2 * settings.pairs() + ((settings.features() & F_CTRL_VQ) != 0 ? 1 : 0);
    }

    @Override
    ConfigSpace config() {
        return config;
    }

    boolean has(long feature) {
        return model().has(feature);
    }

    /// How many pairs are in use.
    int pairs() {
        return pairs;
    }

    /// 5.1.3.1: what needs what.
    @Override
    @Nullable String refusal(long features) {
        if (lacks(features, F_GUEST_TSO4 | F_GUEST_TSO6, F_GUEST_CSUM)) {
            return "GUEST_TSO4 or GUEST_TSO6 without GUEST_CSUM";
        }
        if (lacks(features, F_HOST_TSO4 | F_HOST_TSO6, F_CSUM)) {
            return "HOST_TSO4 or HOST_TSO6 without CSUM";
        }
        long controlled = F_CTRL_RX | F_CTRL_VLAN | F_GUEST_ANNOUNCE | F_MQ | F_CTRL_MAC_ADDR;
        if (lacks(features, controlled, F_CTRL_VQ)) {
            return "a feature of the control queue without CTRL_VQ";
        }
        return null;
    }

    private static boolean lacks(long features, long these, long needed) {
        return (features & these) != 0 && (features & needed) == 0;
    }

    @Override
    void negotiated(long features) {
        inbox.clear();
        receiver.negotiated(features);
        filter.negotiated((features & F_CTRL_RX) != 0, (features & F_CTRL_VLAN) != 0);
        receiving = true;
    }

    // ---- The wire's side, on any thread.

    @Override
    public FrameQueue inbox() {
        return inbox;
    }

    @Override
    public void arrived() {
        if (receiving) {
            model().device().wake();
        }
    }

    @Override
    public void carrier(boolean up) {
        carrier = up;
        model().device().wake();
    }

    // ---- Work.

    @Override
    int work() {
        if (carrier != linkUp) {
            link(carrier);
        }
        int done = 0;
        for (int i = 0; i < pairs; i++) {
            done += transmit(model().queue(2 * i + 1));
        }
        if (has(F_CTRL_VQ)) {
            done += control(model().queue(has(F_MQ) ? 2 * settings.pairs() : 2));
        }
        return done + receiver.work();
    }

    private int transmit(VirtQueue queue) {
        if (!queue.begin()) {
            return 0;
        }
        int taken = 0;
        while (taken < BUDGET && model().isWorking() && queue.take(chain)) {
            taken++;
            if (!send(queue)) {
                return taken;
            }
            queue.complete(chain.id, 0, chain.descriptors);
        }
        return queue.end(taken, true);
    }

    private boolean send(VirtQueue queue) {
        MemorySegment memory = model().device().dma().memory();
        long bytes = chain.readableBytes();
        if (bytes < NetHeader.BYTES || bytes > MOST_FRAME || chain.writableBytes() > 0) {
            violation(
                    "a frame follows its header (VIRTIO 1.2, 5.1.6.2)",
                    "%d bytes to read, %d to write".formatted(bytes, chain.writableBytes()));
            if (bytes < NetHeader.BYTES) {
                model().cannotGoOn();
                return false;
            }
            return true;
        }
        if (chain.length(0) >= NetHeader.BYTES) {
            check(memory, chain.offset(0), bytes - NetHeader.BYTES);
        }
        receiver.sentOn((queue.index - 1) / 2, memory, chain);
        if (linkUp) {
            peer.send(memory, chain);
        }
        return true;
    }

    /// 5.1.6.2.1: what a driver must not ask for.
    private void check(MemorySegment memory, long header, long bytes) {
        int flags = Wire.u8(memory, header + NetHeader.FLAGS);
        int type = Wire.u8(memory, header + NetHeader.GSO_TYPE);
        if (flags == 0 && type == 0 && bytes <= settings.mtu() + ETHERNET) {
            return;
        }
        if ((flags & ~NetHeader.F_NEEDS_CSUM) != 0 || (flags != 0 && !has(F_CSUM))) {
            violation(
                    "flags of a sent frame (VIRTIO 1.2, 5.1.6.2.1)", "flags 0x%x".formatted(flags));
        }
        if (type == NetHeader.GSO_NONE) {
            if (has(F_MTU) && bytes > settings.mtu() + ETHERNET + TAG) {
                violation(
                        "frame larger than the MTU (VIRTIO 1.2, 5.1.4.2)",
                        "%d bytes, MTU %d".formatted(bytes, settings.mtu()));
            }
            return;
        }
        boolean allowed =
                (type == NetHeader.GSO_TCPV4 && has(F_HOST_TSO4))
                        || (type == NetHeader.GSO_TCPV6 && has(F_HOST_TSO6));
        if (!allowed
                || flags != NetHeader.F_NEEDS_CSUM
                || Wire.u16(memory, header + NetHeader.GSO_SIZE) == 0) {
            violation(
                    "segmentation of a sent frame (VIRTIO 1.2, 5.1.6.2.1)",
                    "gso_type %d, flags 0x%x".formatted(type, flags));
        }
    }

    private void violation(String rule, String detail) {
        model().device().violation(rule, detail);
    }

    private int control(VirtQueue queue) {
        if (!queue.begin()) {
            return 0;
        }
        int taken = 0;
        while (taken < BUDGET && model().isWorking() && queue.take(chain)) {
            taken++;
            if (chain.readableBytes() < 2 || chain.writableBytes() < 1) {
                violation(
                        "a command has class, command and ack (VIRTIO 1.2, 5.1.6.5)",
                        chain.readableBytes() + " bytes to read");
                model().cannotGoOn();
                return taken;
            }
            DeviceContext device = model().device();
            MemorySegment memory = device.dma().memory();
            int ack = control.execute(device, memory, chain);
            int last = chain.count() - 1;
            Wire.put8(memory, chain.offset(last) + chain.length(last) - 1, ack);
            queue.complete(chain.id, chain.writableBytes(), chain.descriptors);
        }
        return queue.end(taken, true);
    }

    /// VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET.
    boolean pairs(int count) {
        if (count < 1 || count > settings.pairs()) {
            violation("virtqueue_pairs (VIRTIO 1.2, 5.1.6.5.6.1)", "pairs " + count);
            return false;
        }
        pairs = count;
        return true;
    }

    /// VIRTIO_NET_CTRL_MAC_ADDR_SET.
    void mac(long mac) {
        filter.mac(mac);
        setMac(mac);
    }

    /// VIRTIO_NET_CTRL_ANNOUNCE_ACK.
    boolean announced() {
        config.set(STATUS, 2, config.get(STATUS, 2) & ~S_ANNOUNCE);
        return true;
    }

    boolean isLinkUp() {
        return linkUp;
    }

    private void link(boolean up) {
        if (up == linkUp) {
            return;
        }
        linkUp = up;
        config.set(STATUS, 2, (config.get(STATUS, 2) & ~S_LINK_UP) | (up ? S_LINK_UP : 0));
        inbox.clear();
        if (has(F_STATUS)) {
            model().configurationChanged();
        }
    }

    @Override
    void reset(boolean power) {
        receiving = false;
        pairs = 1;
        inbox.clear();
        receiver.reset();
        setMac(settings.mac());
        filter.clear(settings.mac());
        boolean _ = announced();
    }

    @Override
    void queueReset(int queue) {
        receiver.queueReset();
    }

    @Override
    List<Choice> faults() {
        return NetFaults.CHOICES;
    }

    @Override
    @Nullable String fault(String name, Map<String, String> options) {
        Options given = new Options(options);
        return switch (name) {
            case "link" -> {
                boolean up = given.flag("up", !linkUp);
                given.end();
                carrier = up;
                link(up);
                yield up ? "the link is up" : "the link is down";
            }
            case "announce" -> {
                given.end();
                config.set(STATUS, 2, config.get(STATUS, 2) | S_ANNOUNCE);
                model().configurationChanged();
                yield "the driver is asked to announce itself";
            }
            default -> faults.arm(name, given);
        };
    }

    @Override
    public void close() {
        receiving = false;
        peer.close();
    }
}
