package helix.hal.vhostuser;

import helix.hal.api.Deadline;
import helix.hal.api.machine.DmaWindow;
import helix.hal.vhostuser.VhostUser.Protocol;
import helix.hal.vhostuser.VhostUser.Request;
import helix.posix.EventFd;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/// The rings that a back-end runs for a function: how they are started and stopped. For one thread
/// at a time.
final class Rings {
    private static final int DESCRIPTOR = 16;
    private static final int AVAILABLE_ENTRY = 2;
    private static final int USED_ENTRY = 8;
    private static final int EVENT_SUPPRESSION = 4;

    /// Virtio 1.2, 2.7.8: flags, then idx.
    private static final int USED_IDX = 2;

    private static final ValueLayout.OfShort INDEX =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final long LOOK_NANOS = 50_000;

    /// A ring that the back-end runs.
    private record Started(int index, QueueState queue) {}

    private final DmaWindow ram;
    private final EventFd errors;
    private final Duration drainLimit;
    private final List<Started> started = new ArrayList<>();
    private boolean packed;

    /// @param drainLimit how long a back-end that has stopped may go on to end what it had taken
    Rings(DmaWindow ram, EventFd errors, Duration drainLimit) {
        this.ram = ram;
        this.errors = errors;
        this.drainLimit = drainLimit;
    }

    /// Why a driver's queues cannot be started, empty if they can.
    String fault(long features, List<QueueState> queues) {
        boolean inOneRing = (features & VhostUser.F_RING_PACKED) != 0;
        for (int i = 0; i < queues.size(); i++) {
            QueueState q = queues.get(i);
            if (!q.enabled()) {
                continue;
            }
            if (q.size() < 1 || (!inOneRing && Integer.bitCount(q.size()) != 1)) {
                return "queue %d has a size of %d".formatted(i, q.size());
            }
            long driver = inOneRing ? EVENT_SUPPRESSION : 6 + (long) AVAILABLE_ENTRY * q.size();
            long device = inOneRing ? EVENT_SUPPRESSION : 6 + (long) USED_ENTRY * q.size();
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
        packed = (features & VhostUser.F_RING_PACKED) != 0;
        for (int i = 0; i < queues.size(); i++) {
            QueueState queue = queues.get(i);
            if (queue.enabled()) {
                started.add(new Started(i, queue));
                peer.setVring(Request.SET_VRING_NUM, i, queue.size());
                peer.setVring(Request.SET_VRING_BASE, i, packed ? VhostUser.PACKED_BASE : 0);
                peer.order(Request.SET_VRING_ADDR, address(i, queue));
                peer.set(Request.SET_VRING_ERR, i, errors.fd());
                peer.set(Request.SET_VRING_KICK, i, function.kick(i).fd());
                peer.set(Request.SET_VRING_CALL, i, function.call(queue).fd());
            }
        }
        for (Started ring : started) {
            if ((features & VhostUser.F_PROTOCOL_FEATURES) != 0) {
                peer.setVring(Request.SET_VRING_ENABLE, ring.index, 1);
            }
            // A back-end starts a ring when it is kicked.
            function.kick(ring.index).signal();
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
        for (Started ring : started) {
            QueueState queue = queues.get(ring.index);
            if (vector < 0 || queue.vector() == vector) {
                peer.set(Request.SET_VRING_CALL, ring.index, function.call(queue).fd());
                if (queue.vector() != VirtioPci.NO_VECTOR) {
                    function.vectors().settle(queue.vector());
                }
            }
        }
    }

    /// Stops all rings. When this returns the back-end has confirmed each and ended what it had
    /// taken from it, and touches memory no more.
    ///
    /// @throws PeerException if that is not so; a new connection has to prove it then
    void stop(Connection peer) {
        int[] bases = new int[started.size()];
        for (int i = 0; i < bases.length; i++) {
            bases[i] = peer.getVring(Request.GET_VRING_BASE, started.get(i).index);
        }
        Deadline deadline = Deadline.after(drainLimit);
        for (int i = 0; i < bases.length; i++) {
            drain(started.get(i), bases[i], deadline);
        }
        if (peer.has(Protocol.RESET_DEVICE)) {
            peer.order(Request.RESET_DEVICE);
        }
        started.clear();
    }

    /// To stop is to take no more requests: qemu-storage-daemon, for one, answers while requests
    /// are in flight, and ends them later. The answer tells how many were taken.
    private void drain(Started ring, int base, Deadline deadline) {
        if (packed) {
            // What was available and what was used, each with its wrap counter. How far the device
            // has come since cannot be read off a packed ring.
            if ((base & 0xFFFF) != base >>> 16) {
                throw new PeerException(
                        "queue %d was stopped with requests in flight: 0x%x"
                                .formatted(ring.index, base));
            }
            return;
        }
        while (usedIndex(ring.queue) != (base & 0xFFFF)) {
            if (deadline.isExpired()) {
                throw new PeerException(
                        "queue %d was stopped at %d, but only requests up to %d ended within %d ms"
                                .formatted(
                                        ring.index,
                                        base & 0xFFFF,
                                        usedIndex(ring.queue),
                                        drainLimit.toMillis()));
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    /// Where the ring is was checked when it was started.
    private int usedIndex(QueueState queue) {
        long offset = queue.device() - ram.deviceAddress() + USED_IDX;
        int index = ram.memory().get(INDEX, offset) & 0xFFFF;
        VarHandle.acquireFence();
        return index;
    }

    /// The back-end that ran them does so no more.
    void forget() {
        started.clear();
    }
}
