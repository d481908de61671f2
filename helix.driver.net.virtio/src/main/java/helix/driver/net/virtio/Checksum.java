package helix.driver.net.virtio;

import helix.driver.api.net.FramePool;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Completes the checksum of a frame that its sender left incomplete: VIRTIO 1.2, section
/// 5.1.6.4.1; the Internet checksum of RFC 1071. Its field holds the sum of the pseudo header.
final class Checksum {
    private Checksum() {}

    /// Computes it and writes it into the frame.
    ///
    /// @param memory the pool's
    /// @param pool where the pieces are
    /// @param pieces the frame's
    /// @param lengths of each
    /// @param count how many
    /// @param start where it begins
    /// @param offset where it is put, from there
    /// @return false if it would lie outside the frame
    static boolean complete(
            MemorySegment memory,
            FramePool pool,
            int[] pieces,
            int[] lengths,
            int count,
            int start,
            int offset) {
        int total = 0;
        for (int i = 0; i < count; i++) {
            total += lengths[i];
        }
        int field = start + offset;
        if (start >= total || field + 2 > total) {
            return false;
        }
        long sum = 0;
        int at = 0;
        for (int i = 0; i < count; i++) {
            long data = pool.at(pieces[i]);
            int from = Math.max(start - at, 0);
            for (int k = from; k < lengths[i]; k++) {
                int octet = memory.get(ValueLayout.JAVA_BYTE, data + k) & 0xFF;
                sum += ((at + k - start) & 1) == 0 ? octet << 8 : octet;
            }
            at += lengths[i];
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xFFFF) + (sum >>> 16);
        }
        int result = (int) (~sum & 0xFFFF);
        // Zero means "none" to UDP; all ones is the same number. RFC 768.
        result = result == 0 ? 0xFFFF : result;
        put(memory, pool, pieces, lengths, count, field, result >>> 8);
        put(memory, pool, pieces, lengths, count, field + 1, result);
        return true;
    }

    private static void put(
            MemorySegment memory,
            FramePool pool,
            int[] pieces,
            int[] lengths,
            int count,
            int where,
            int octet) {
        int at = where;
        for (int i = 0; i < count; i++) {
            if (at < lengths[i]) {
                memory.set(ValueLayout.JAVA_BYTE, pool.at(pieces[i]) + at, (byte) octet);
                return;
            }
            at -= lengths[i];
        }
    }
}
