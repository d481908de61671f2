package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// A plug that leads back what is sent.
final class Loopback implements NetPeer {
    private @Nullable NetPort card;

    @Override
    public void attach(NetPort port) {
        card = port;
    }

    @Override
    public void send(MemorySegment memory, Chain chain) {
        NetPort port = card;
        if (port != null) {
            NetPeer.deliver(memory, chain, port);
        }
    }

    @Override
    public void close() {
        card = null;
    }
}
