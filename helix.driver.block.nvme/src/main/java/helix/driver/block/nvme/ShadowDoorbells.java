package helix.driver.block.nvme;

import helix.hal.api.DmaBuffer;
import helix.modules.api.StateReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Shadow doorbells: doorbell values go to memory, and the register is written only when the
/// controller asked for it. Base 2.0, section 5.8 and annex B.5; optional (OACS bit 8).
///
/// Both buffers are laid out like the doorbell registers, so offsets are the same less 1000h.
final class ShadowDoorbells {
    private static final VarHandle INT =
            ValueLayout.JAVA_INT
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .varHandle()
                    .withInvokeExactBehavior();

    private final DmaBuffer shadow;
    private final DmaBuffer eventIndex;

    ShadowDoorbells(Hal hal, int pageBytes, int addressBits) {
        shadow = hal.allocate(pageBytes, pageBytes, addressBits);
        eventIndex = hal.allocate(pageBytes, pageBytes, addressBits);
    }

    /// Takes over both buffers, which the controller works with.
    ShadowDoorbells(Hal hal, int pageBytes, long shadowAddress, long eventIndexAddress) {
        shadow = hal.adopt(shadowAddress);
        eventIndex = hal.adopt(eventIndexAddress);
        StateReader.require(shadow.size() >= pageBytes, "shadow doorbell bytes", shadow.size());
        StateReader.require(eventIndex.size() >= pageBytes, "event index bytes", eventIndex.size());
    }

    long shadowAddress() {
        return shadow.address();
    }

    long eventIndexAddress() {
        return eventIndex.address();
    }

    /// Zeroes both buffers, for a controller that starts anew.
    void clear() {
        shadow.segment().fill((byte) 0);
        eventIndex.segment().fill((byte) 0);
    }

    AdminCommand configure() {
        return AdminCommand.doorbellBufferConfig(shadow.address(), eventIndex.address());
    }

    /// Whether both buffers have room for a queue's doorbells.
    boolean covers(int queue, int stride) {
        long end = NvmeRegisters.headDoorbell(queue, stride) + stride - NvmeRegisters.DOORBELLS;
        return end <= shadow.size();
    }

    /// Zeroes a doorbell's value and event index, for a queue that begins: what an earlier queue of
    /// this number left there would be taken for its own.
    void clear(long doorbell) {
        long offset = doorbell - NvmeRegisters.DOORBELLS;
        INT.set(shadow.segment(), offset, 0);
        INT.set(eventIndex.segment(), offset, 0);
    }

    /// Publishes a new value.
    ///
    /// The store must be visible before the event index is read: the controller writes the index
    /// and then reads the doorbell, so without a full fence both sides could miss each other.
    ///
    /// @param doorbell the offset of the register
    /// @param before the value published last
    /// @param now the new one
    /// @return whether the register must be written too
    boolean publish(long doorbell, int before, int now) {
        MemorySegment values = shadow.segment();
        long offset = doorbell - NvmeRegisters.DOORBELLS;
        INT.setRelease(values, offset, now);
        VarHandle.fullFence();
        int event = (int) INT.getAcquire(eventIndex.segment(), offset);
        return isPassed(event, before, now);
    }

    /// Whether going from one value to another passes the event index, all modulo 2^16.
    static boolean isPassed(int event, int before, int now) {
        return (now - event - 1 & 0xFFFF) < (now - before & 0xFFFF);
    }
}
