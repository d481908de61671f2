package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/// A switch between the cards of a machine. It learns where addresses are; what it does not know,
/// it sends to all.
final class NetSwitch {
    private static final int TABLE = 1024;
    private static final long MULTICAST = 1L << 40;

    /// An address, and the number of its port + 1 in the lowest 16 bits.
    private final AtomicLongArray learned = new AtomicLongArray(TABLE);

    /// Replaced as a whole.
    private volatile Socket[] ports = {};

    /// A new socket.
    NetPeer plug() {
        return new Socket();
    }

    private static int slot(long address) {
        return (int) ((address * 0x9E37_79B9_7F4A_7C15L) >>> 54);
    }

    private final class Socket implements NetPeer {
        private volatile @Nullable NetPort card;

        @Override
        public void attach(NetPort port) {
            card = port;
            synchronized (learned) {
                Socket[] all = ports;
                Socket[] more = Arrays.copyOf(all, all.length + 1);
                more[all.length] = this;
                ports = more;
            }
        }

        @Override
        public void send(MemorySegment memory, Chain chain) {
            Socket[] all = ports;
            if (chain.readableBytes() < NetHeader.BYTES + 14) {
                return;
            }
            long to = address(memory, chain, 0);
            long from = address(memory, chain, 6);
            int own = 0;
            while (own < all.length && all[own] != this) {
                own++;
            }
            if ((from & MULTICAST) == 0) {
                learned.lazySet(slot(from), (from << 16) | (own + 1));
            }
            long known = learned.get(slot(to));
            int port = (int) (known & 0xFFFF) - 1;
            if (known >>> 16 == to && port >= 0 && port < all.length) {
                deliver(all[port], memory, chain);
                return;
            }
            for (Socket other : all) {
                deliver(other, memory, chain);
            }
        }

        private void deliver(Socket to, MemorySegment memory, Chain chain) {
            NetPort port = to.card;
            if (to != this && port != null) {
                NetPeer.deliver(memory, chain, port);
            }
        }

        private static long address(MemorySegment memory, Chain chain, int at) {
            long address = 0;
            for (int i = 0; i < 6; i++) {
                address = address << 8 | chain.byteAt(memory, NetHeader.BYTES + at + i);
            }
            return address;
        }

        @Override
        public void close() {
            card = null;
            synchronized (learned) {
                ports =
                        Arrays.stream(ports)
                                .filter(socket -> socket != this)
                                .toArray(Socket[]::new);
            }
            for (int i = 0; i < TABLE; i++) {
                learned.set(i, 0);
            }
        }
    }
}
