package helix.driver.net.virtio;

import helix.driver.api.net.NetworkException;
import helix.driver.api.net.NetworkException.Reason;
import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/// Commands to the device, one at a time, each with a deadline: VIRTIO 1.2, section 5.1.6.5.
///
/// A command that is not answered in time still has its memory; nothing more can be asked then.
final class ControlQueue {
    /// How much of memory it needs.
    static final int BYTES = 4096;

    /// VIRTIO_NET_CTRL_RX, section 5.1.6.5.1.
    private static final int RX = 0;

    private static final int RX_PROMISC = 0;
    private static final int RX_ALLMULTI = 1;

    /// VIRTIO_NET_CTRL_MAC, section 5.1.6.5.2.
    private static final int MAC = 1;

    private static final int MAC_ADDR_SET = 1;

    /// VIRTIO_NET_CTRL_VLAN, section 5.1.6.5.3.
    private static final int VLAN = 2;

    private static final int VLAN_ADD = 0;
    private static final int VLAN_DEL = 1;

    /// VIRTIO_NET_CTRL_ANNOUNCE, section 5.1.6.5.4.
    private static final int ANNOUNCE = 3;

    private static final int ANNOUNCE_ACK = 0;

    /// VIRTIO_NET_CTRL_MQ, section 5.1.6.5.5.
    private static final int MQ = 4;

    private static final int VQ_PAIRS_SET = 0;

    private static final int OK = 0;
    private static final byte UNANSWERED = (byte) 0xFF;

    private static final long DATA = 64;
    private static final long ACK = 128;
    private static final int SPINS = 2_000;
    private static final long NAP_NANOS = 20_000;

    private final String name;
    private final Virtqueue ring;
    private final DmaBuffer page;
    private final MemorySegment memory;
    private final Duration timeout;
    private int token;
    private boolean stuck;

    ControlQueue(String name, Virtqueue ring, DmaBuffer page, Duration timeout) {
        this.name = name;
        this.ring = ring;
        this.page = page;
        this.timeout = timeout;
        memory = page.segment();
        ring.disableInterrupts();
    }

    /// All frames, or only those for this address.
    void promiscuous(boolean on) {
        command("promiscuous", RX, RX_PROMISC, on ? 1 : 0);
    }

    /// All frames to groups, or only those asked for.
    void allMulticast(boolean on) {
        command("all multicast", RX, RX_ALLMULTI, on ? 1 : 0);
    }

    void macAddress(long mac) {
        int[] octets = new int[6];
        for (int i = 0; i < octets.length; i++) {
            octets[i] = (int) (mac >>> (40 - 8 * i));
        }
        command("MAC address", MAC, MAC_ADDR_SET, octets);
    }

    void vlan(int id, boolean on) {
        command("VLAN", VLAN, on ? VLAN_ADD : VLAN_DEL, id, id >>> 8);
    }

    void acknowledgeAnnouncement() {
        command("announcement", ANNOUNCE, ANNOUNCE_ACK);
    }

    /// How many pairs of queues the device uses.
    void pairs(int count) {
        command("queue pairs", MQ, VQ_PAIRS_SET, count, count >>> 8);
    }

    /// Whether the next generation can go on with it.
    synchronized boolean isSettled() {
        return !stuck && !ring.isBroken() && ring.inFlight() == 0;
    }

    private synchronized void command(String what, int type, int command, int... data) {
        if (stuck) {
            throw new NetworkException(Reason.TIMED_OUT, name + ": the control queue is stuck");
        }
        memory.set(ValueLayout.JAVA_BYTE, 0, (byte) type);
        memory.set(ValueLayout.JAVA_BYTE, 1, (byte) command);
        for (int i = 0; i < data.length; i++) {
            memory.set(ValueLayout.JAVA_BYTE, DATA + i, (byte) data[i]);
        }
        memory.set(ValueLayout.JAVA_BYTE, ACK, UNANSWERED);
        if (!ring.begin(data.length == 0 ? 2 : 3)) {
            stuck = true;
            throw new NetworkException(Reason.IO_ERROR, name + ": the control queue has no room");
        }
        ring.out(page.address(), 2);
        if (data.length > 0) {
            ring.out(page.address() + DATA, data.length);
        }
        ring.in(page.address() + ACK, 1);
        ring.submit(++token);
        int _ = ring.kick() ? 1 : 0;
        await(what);
        int ack = memory.get(ValueLayout.JAVA_BYTE, ACK);
        if (ack != OK) {
            throw new NetworkException(
                    Reason.UNSUPPORTED, "%s: the device refused: %s".formatted(name, what));
        }
    }

    private void await(String what) {
        Deadline deadline = Deadline.after(timeout);
        for (int looks = 0; !ring.poll(); looks++) {
            if (ring.isBroken()) {
                stuck = true;
                throw new NetworkException(
                        Reason.IO_ERROR, name + ": control queue: " + ring.defect());
            }
            if (deadline.isExpired()) {
                stuck = true;
                throw new NetworkException(
                        Reason.TIMED_OUT,
                        "%s: no answer within %s: %s".formatted(name, timeout, what));
            }
            if (looks < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(this, NAP_NANOS);
            }
        }
        if (ring.token() != token || ring.written() < 1) {
            stuck = true;
            throw new NetworkException(
                    Reason.IO_ERROR,
                    "%s: control queue: answer %d with %d bytes to command %d"
                            .formatted(name, ring.token(), ring.written(), token));
        }
    }

    /// Whether it answers no more; the device has to be reset then.
    synchronized boolean isStuck() {
        return stuck;
    }

    /// The last command's number, for the next generation.
    synchronized int token() {
        return token;
    }

    synchronized void token(int last) {
        token = last;
    }
}
