package helix.driver.block.virtio;

import helix.driver.kit.virtio.RequestChain;
import helix.driver.kit.virtio.TestMachine;
import helix.driver.kit.virtio.TestVirtioDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/// What a block device does with requests, from VIRTIO 1.2, section 5.2.6, over an array.
final class FakeMedia {
    static final int CONFIG_BYTES = 60;

    final TestMachine machine = new TestMachine();
    TestVirtioDevice device;
    byte[] bytes;
    String serial = "fake-serial";

    /// The types of all requests, in order.
    final List<Integer> types = new ArrayList<>();

    /// Answered to requests of this type in place of OK.
    int failingType = -1;

    int failure = 1;

    /// Keeps data requests for [#release].
    volatile boolean hold;

    /// Keeps flushes, too.
    volatile boolean holdFlushes;

    FakeMedia(long features, int sectors, int... queueSizes) {
        device = new TestVirtioDevice(machine, 2, features, CONFIG_BYTES, queueSizes);
        bytes = new byte[sectors << 9];
        device.config().set(ValueLayout.JAVA_LONG, 0, sectors);
        number(34, queueSizes.length, 2);
        device.handler(this::handle);
    }

    /// Sets a field of the configuration.
    FakeMedia number(int offset, long value, int width) {
        for (int i = 0; i < width; i++) {
            device.config().set(ValueLayout.JAVA_BYTE, offset + i, (byte) (value >> 8 * i));
        }
        return this;
    }

    /// Changes the capacity, and says so.
    void resize(int sectors) {
        bytes = java.util.Arrays.copyOf(bytes, sectors << 9);
        number(0, sectors, 8);
        device.configChanged();
    }

    private synchronized int handle(int queue, RequestChain chain) {
        ByteBuffer header = ByteBuffer.wrap(read(chain, 0, 16)).order(ByteOrder.LITTLE_ENDIAN);
        int type = header.getInt();
        types.add(type);
        boolean keeps = type == Blk.T_FLUSH ? holdFlushes : hold;
        return keeps && type != Blk.T_GET_ID ? TestVirtioDevice.LATER : serve(chain);
    }

    /// Ends all that is kept in a queue.
    void release(int queue) {
        for (RequestChain chain : device.kept(queue)) {
            device.complete(queue, chain, serve(chain));
        }
    }

    /// Does what a request asks for.
    ///
    /// @return bytes written
    synchronized int serve(RequestChain chain) {
        ByteBuffer header = ByteBuffer.wrap(read(chain, 0, 16)).order(ByteOrder.LITTLE_ENDIAN);
        int type = header.getInt();
        header.getInt();
        long at = header.getLong() << 9;
        int status = type == failingType ? failure : Blk.S_OK;
        int data = (int) chain.writableBytes() - 1;
        if (status == Blk.S_OK) {
            status = move(chain, type, at, data);
        }
        copy(chain, true, data, MemorySegment.ofArray(new byte[] {(byte) status}));
        return data + 1;
    }

    private int move(RequestChain chain, int type, long at, int data) {
        switch (type) {
            case Blk.T_IN -> {
                if (at + data > bytes.length || data % 512 != 0) {
                    return Blk.S_IOERR;
                }
                copy(chain, true, 0, MemorySegment.ofArray(bytes).asSlice(at, data));
            }
            case Blk.T_OUT -> {
                long size = chain.readableBytes() - 16;
                if (at + size > bytes.length || size % 512 != 0) {
                    return Blk.S_IOERR;
                }
                copy(chain, false, 16, MemorySegment.ofArray(bytes).asSlice(at, size));
            }
            case Blk.T_FLUSH -> {}
            case Blk.T_GET_ID -> {
                if (serial == null) {
                    return Blk.S_UNSUPP;
                }
                byte[] id = new byte[Blk.ID_BYTES];
                byte[] name = serial.getBytes(StandardCharsets.US_ASCII);
                System.arraycopy(name, 0, id, 0, Math.min(id.length, name.length));
                copy(chain, true, 0, MemorySegment.ofArray(id));
            }
            case Blk.T_DISCARD, Blk.T_WRITE_ZEROES -> {
                ByteBuffer range =
                        ByteBuffer.wrap(read(chain, 16, 16)).order(ByteOrder.LITTLE_ENDIAN);
                long first = range.getLong() << 9;
                int size = range.getInt() << 9;
                if (first + size > bytes.length) {
                    return Blk.S_IOERR;
                }
                if (type == Blk.T_WRITE_ZEROES) {
                    java.util.Arrays.fill(bytes, (int) first, (int) first + size, (byte) 0);
                }
            }
            default -> {
                return Blk.S_UNSUPP;
            }
        }
        return Blk.S_OK;
    }

    private byte[] read(RequestChain chain, long offset, int length) {
        byte[] to = new byte[length];
        copy(chain, false, offset, MemorySegment.ofArray(to));
        return to;
    }

    /// Copies to or from a request's memory, by its device addresses: memory may have moved since
    /// the request was taken, when its lease was passed on.
    private void copy(RequestChain chain, boolean write, long offset, MemorySegment other) {
        long skip = offset;
        long done = 0;
        for (RequestChain.Piece piece : chain.pieces()) {
            if (piece.writable() != write) {
                continue;
            }
            long size = piece.bytes().byteSize();
            long count = Math.min(size - skip, other.byteSize() - done);
            if (count > 0) {
                MemorySegment here = machine.resolve(piece.address() + skip, count);
                MemorySegment there = other.asSlice(done, count);
                (write ? here : there).copyFrom(write ? there : here);
                done += count;
            }
            skip = Math.max(0, skip - size);
        }
        if (done < other.byteSize()) {
            throw new AssertionError("request ends after " + done + " of " + other.byteSize());
        }
    }
}
