package helix.driver.net.virtio;

import helix.driver.kit.net.NetPeer;
import helix.driver.kit.virtio.RequestChain;
import helix.driver.kit.virtio.TestMachine;
import helix.driver.kit.virtio.TestVirtioDevice;
import helix.virtio.VirtioFeature;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A network card's device side, and the other end of its wire.
final class FakeNic implements NetPeer, AutoCloseable {
    static final long ALL =
            NetFeature.SUPPORTED & ~VirtioFeature.RING_PACKED & ~VirtioFeature.ACCESS_PLATFORM;
    static final long MAC = 0x52_54_00_AB_CD_EFL;
    static final int CONFIG_BYTES = 24;

    /// A command of the control queue: class, command, data.
    final List<byte[]> commands = new ArrayList<>();

    /// What came out, with its headers.
    final Deque<byte[]> sent = new ArrayDeque<>();

    final TestMachine machine = new TestMachine();
    final TestVirtioDevice device;
    final long features;
    private final int controlQueue;

    /// What the control queue answers; negative for nothing.
    int ack;

    /// Whether frames to be sent stay in the ring.
    boolean holdsSent;

    FakeNic(long features, int pairs, int queueSize) {
        this.features = features;
        controlQueue = 2 * pairs;
        int[] sizes = new int[2 * pairs + 1];
        Arrays.fill(sizes, queueSize);
        sizes[2 * pairs] = 64;
        device = new TestVirtioDevice(machine, 1, features, CONFIG_BYTES, sizes);
        for (int i = 0; i < 6; i++) {
            device.config().set(ValueLayout.JAVA_BYTE, i, (byte) (MAC >>> (40 - 8 * i)));
        }
        status(NetConfig.LINK_UP);
        short16(8, pairs);
        short16(10, 1500);
        device.config().set(ValueLayout.JAVA_INT, 12, 10_000);
        device.handler(this::handle);
    }

    void short16(int offset, int value) {
        device.config().set(ValueLayout.JAVA_SHORT, offset, (short) value);
    }

    void status(int bits) {
        short16(6, bits);
    }

    private int handle(int queue, RequestChain chain) {
        if (queue == controlQueue) {
            commands.add(chain.read());
            if (ack < 0) {
                return TestVirtioDevice.LATER;
            }
            chain.write(0, new byte[] {(byte) ack});
            return 1;
        }
        if (queue % 2 == 0) {
            return TestVirtioDevice.LATER;
        }
        sent.add(chain.read());
        return holdsSent ? TestVirtioDevice.LATER : 0;
    }

    // ---- The wire

    @Override
    public void deliver(byte[] frame) {
        deliver(0, header(0, 1), frame);
    }

    static byte[] header(int flags, int buffers) {
        return ByteBuffer.allocate(NetHeader.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(0, (byte) flags)
                .putShort(10, (short) buffers)
                .array();
    }

    /// Fills as many buffers as it takes; lost if there are not enough.
    void deliver(int queue, byte[] header, byte[] frame) {
        byte[] all = Arrays.copyOf(header, header.length + frame.length);
        System.arraycopy(frame, 0, all, header.length, frame.length);
        List<RequestChain> kept = device.kept(queue);
        List<RequestChain> used = new ArrayList<>();
        int room = 0;
        while (room < all.length) {
            if (used.size() == kept.size()) {
                return;
            }
            RequestChain next = kept.get(used.size());
            used.add(next);
            room += (int) next.writableBytes();
        }
        if (header[10] == 1) {
            all[10] = (byte) used.size();
        }
        int at = 0;
        for (RequestChain chain : used) {
            int count = Math.min(all.length - at, (int) chain.writableBytes());
            chain.write(0, MemorySegment.ofArray(all).asSlice(at, count));
            at += count;
            device.complete(queue, chain, count);
        }
    }

    @Override
    public byte @Nullable [] take(long nanos) {
        byte[] frame = sent.poll();
        return frame == null ? null : Arrays.copyOfRange(frame, NetHeader.BYTES, frame.length);
    }

    @Override
    public boolean hasLink() {
        return (features & NetFeature.STATUS) != 0;
    }

    @Override
    public void link(boolean up) {
        status(up ? NetConfig.LINK_UP : 0);
        device.configChanged();
    }

    @Override
    public void close() {
        device.close();
        machine.close();
    }
}
