package helix.driver.block.virtio;

import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.virtio.Virtqueue;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Asks a device for its serial number, the command GET_ID of VIRTIO 1.2, section 5.2.6, before
/// anybody else uses its queues.
final class SerialNumber {
    private static final Logger LOG = LoggerFactory.getLogger(SerialNumber.class);
    private static final Duration LIMIT = Duration.ofSeconds(2);
    private static final int HEADER_BYTES = 16;
    private static final int STATUS = 16;
    private static final int ID = 32;

    private SerialNumber() {}

    /// Asks the device.
    ///
    /// @return empty if it has none, or does not say
    static String ask(BlkDevice device) {
        Ring ring = device.rings()[0];
        Virtqueue queue = ring.queue();
        DmaBuffer memory = ring.slotMemory;
        MemorySegment bytes = memory.segment();
        bytes.asSlice(0, Ring.SLOT_BYTES).fill((byte) 0);
        bytes.set(ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN), 0, Blk.T_GET_ID);
        bytes.set(ValueLayout.JAVA_BYTE, STATUS, (byte) 0xFF);
        if (!queue.begin(3)) {
            return "";
        }
        queue.out(memory.address(), HEADER_BYTES);
        queue.in(memory.address() + ID, Blk.ID_BYTES);
        queue.in(memory.address() + STATUS, 1);
        queue.submit(0);
        boolean _ = queue.kick();
        Deadline deadline = Deadline.after(LIMIT);
        while (!queue.poll()) {
            if (deadline.isExpired() || queue.isBroken()) {
                throw new helix.hal.api.DeviceTimeoutException(
                        "%s: GET_ID did not end within %s %s"
                                .formatted(device.hal().name(), LIMIT, queue.defect()));
            }
            LockSupport.parkNanos(50_000);
        }
        int status = bytes.get(ValueLayout.JAVA_BYTE, STATUS) & 0xFF;
        if (status != Blk.S_OK) {
            LOG.debug("{}: no serial number: status {}", device.hal().name(), status);
            return "";
        }
        byte[] id = bytes.asSlice(ID, Blk.ID_BYTES).toArray(ValueLayout.JAVA_BYTE);
        return text(id);
    }

    /// What is printable, up to the first zero.
    static String text(byte[] id) {
        int length = 0;
        while (length < id.length && id[length] != 0) {
            length++;
        }
        String all = new String(id, 0, length, StandardCharsets.ISO_8859_1);
        return all.chars()
                .filter(c -> c >= 0x20 && c < 0x7F)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString()
                .strip();
    }
}
