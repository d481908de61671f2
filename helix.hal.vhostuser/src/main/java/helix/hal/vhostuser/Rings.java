package helix.hal.vhostuser;

import helix.hal.api.machine.DmaWindow;
import helix.hal.vhostuser.VhostUser.Protocol;
import helix.hal.vhostuser.VhostUser.Request;
import helix.posix.EventFd;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// The rings that a back-end runs for a function: how they are started and stopped. For one thread
/// at a time.
final class Rings {
    private static final int DESCRIPTOR = 16;
    private static final int AVAILABLE_ENTRY = 2;
    private static final int USED_ENTRY = 8;
    private static final int EVENT_SUPPRESSION = 4;

    private final DmaWindow ram;
    private final EventFd errors;
    private final List<Integer> started = new ArrayList<>();

    Rings(DmaWindow ram, EventFd errors) {
        this.ram = ram;
        this.errors = errors;
    }

    /// Why a driver's queues cannot be started, empty if they can.
    String fault(long features, List<QueueState> queues) {
        boolean packed = (features & VhostUser.F_RING_PACKED) != 0;
        for (int i = 0; i < queues.size(); i++) {
            QueueState q = queues.get(i);
            if (!q.enabled()) {
                continue;
            }
            if (q.size() < 1 || (!packed && Integer.bitCount(q.size()) != 1)) {
                return "queue %d has a size of %d".formatted(i, q.size());
            }
            long driver = packed ? EVENT_SUPPRESSION : 6 + (long) AVAILABLE_ENTRY * q.size();
            long device = packed ? EVENT_SUPPRESSION : 6 + (long) USED_ENTRY * q.size();
            if (isOutside(q.desc(), (long) DESCRIPTOR * q.size())
                    || isOutside(q.driver(), driver)
                    || isOutside(q.device(), device)) {
                return "queue %d (desc=%x driver=%x device=%x size=%d) is not in DMA memory"
                        .formatted(i, q.desc(), q.driver(), q.device(), q.size());
            }
        }
        return "";
    }

    private boolean isOutside(long address, long size) {
        long offset = address - ram.deviceAddress();
        return offset < 0 || offset > ram.memory().byteSize() - size;
    }

    /// Starts what the driver has enabled. In the order in which QEMU does it, since that is what
    /// back-ends are tested with.
    void start(Connection peer, VirtioFunction function, long features, List<QueueState> queues) {
        peer.set(Request.SET_FEATURES, features);
        peer.order(Request.SET_MEM_TABLE, memoryTable(), ram.fd());
        boolean packed = (features & VhostUser.F_RING_PACKED) != 0;
        for (int i = 0; i < queues.size(); i++) {
            QueueState queue = queues.get(i);
            if (queue.enabled()) {
                started.add(i);
                peer.setVring(Request.SET_VRING_NUM, i, queue.size());
                peer.setVring(Request.SET_VRING_BASE, i, packed ? VhostUser.PACKED_BASE : 0);
                peer.order(Request.SET_VRING_ADDR, address(i, queue));
                peer.set(Request.SET_VRING_ERR, i, errors.fd());
                peer.set(Request.SET_VRING_KICK, i, function.kick(i).fd());
                peer.set(Request.SET_VRING_CALL, i, function.call(queue).fd());
            }
        }
        for (int i : started) {
            if ((features & VhostUser.F_PROTOCOL_FEATURES) != 0) {
                peer.setVring(Request.SET_VRING_ENABLE, i, 1);
            }
            // A back-end starts a ring when it is kicked.
            function.kick(i).signal();
        }
    }

    /// One region. User addresses are whatever both sides take for the same; here they are the
    /// device addresses.
    private ByteBuffer memoryTable() {
        return Connection.buffer(40)
                .putInt(1)
                .putInt(0)
                .putLong(ram.deviceAddress())
                .putLong(ram.memory().byteSize())
                .putLong(ram.deviceAddress())
                .putLong(ram.fdOffset());
    }

    /// Descriptor, used, available: the order of struct vhost_vring_addr.
    private static ByteBuffer address(int index, QueueState queue) {
        return Connection.buffer(40)
                .putInt(index)
                .putInt(0)
                .putLong(queue.desc())
                .putLong(queue.device())
                .putLong(queue.driver())
                .putLong(0);
    }

    /// Gives running rings other eventfds to interrupt by.
    void rewire(Connection peer, VirtioFunction function, int vector) {
        List<QueueState> queues = function.common().queues();
        for (int i : started) {
            QueueState queue = queues.get(i);
            if (vector < 0 || queue.vector() == vector) {
                peer.set(Request.SET_VRING_CALL, i, function.call(queue).fd());
                if (queue.vector() != VirtioPci.NO_VECTOR) {
                    function.vectors().settle(queue.vector());
                }
            }
        }
    }

    /// Stops all rings. When this returns the back-end has confirmed each, and touches memory no
    /// more.
    void stop(Connection peer) {
        for (int i : started) {
            int _ = peer.getVring(Request.GET_VRING_BASE, i);
        }
        if (peer.has(Protocol.RESET_DEVICE)) {
            peer.order(Request.RESET_DEVICE);
        }
        started.clear();
    }

    /// The back-end that ran them does so no more.
    void forget() {
        started.clear();
    }
}
