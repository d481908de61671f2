package helix.hal.vhostuser;

import helix.hal.vhostuser.VhostUser.Protocol;
import helix.hal.vhostuser.VhostUser.Request;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What a back-end says about itself when it is connected. A back-end that says something else
/// after it came back is another device.
final class Identity {
    private final long features;
    private final long protocolFeatures;
    private final int queues;
    private final byte[] config;

    Identity(long features, long protocolFeatures, int queues, byte[] config) {
        this.features = features;
        this.protocolFeatures = protocolFeatures;
        this.queues = queues;
        this.config = config.clone();
    }

    /// Its virtio features, and bit 30.
    long features() {
        return features;
    }

    /// How many queues it serves.
    int queues() {
        return queues;
    }

    /// Its config space, zeroes where it has none.
    byte[] config() {
        return config.clone();
    }

    /// Asks a back-end that has just been connected, and becomes its owner.
    static Identity ask(Connection connection, DeviceKind kind) {
        long features = connection.get(Request.GET_FEATURES);
        long protocol = 0;
        if ((features & VhostUser.F_PROTOCOL_FEATURES) != 0) {
            protocol = connection.get(Request.GET_PROTOCOL_FEATURES) & Protocol.USED;
            connection.set(Request.SET_PROTOCOL_FEATURES, protocol);
            connection.use(protocol);
        }
        connection.order(Request.SET_OWNER);
        if ((features & VhostUser.F_VERSION_1) == 0) {
            throw new PeerException("it does not offer VIRTIO_F_VERSION_1");
        }
        int queues = kind.queues(connection.has(Protocol.MQ) ? queues(connection) : 1);
        byte[] config =
                connection.has(Protocol.CONFIG) && kind != DeviceKind.NET
                        ? connection.config(kind.configSize)
                        : noConfig(kind);
        return new Identity(features, protocol, queues, config);
    }

    private static int queues(Connection connection) {
        long queues = connection.get(Request.GET_QUEUE_NUM);
        if (queues < 1 || queues > VhostUser.MAX_QUEUES) {
            throw new PeerException("it claims to serve " + queues + " queues");
        }
        return (int) queues;
    }

    private static byte[] noConfig(DeviceKind kind) {
        if (kind == DeviceKind.BLK) {
            throw new PeerException(
                    "it does not offer its config space (VHOST_USER_PROTOCOL_F_CONFIG), so that its"
                            + " size is not known");
        }
        return new byte[kind.configSize];
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Identity i
                && features == i.features
                && protocolFeatures == i.protocolFeatures
                && queues == i.queues
                && Arrays.equals(stable(config), stable(i.config));
    }

    /// Without what a driver may have changed.
    private static byte[] stable(byte[] config) {
        byte[] stable = config.clone();
        if (stable.length > DeviceKind.BLK_WRITEBACK) {
            stable[DeviceKind.BLK_WRITEBACK] = 0;
        }
        return stable;
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(stable(config)) + Long.hashCode(features);
    }

    @Override
    public String toString() {
        return "features=%x protocol=%x queues=%d".formatted(features, protocolFeatures, queues);
    }
}
