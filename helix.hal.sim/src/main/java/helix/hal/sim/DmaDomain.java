package helix.hal.sim;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.DmaRemapping;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/// What one function reaches of the machine's memory: a bit for each granule, so that a check of a
/// page is one look at one word.
final class DmaDomain implements DmaRemapping.Domain {
    /// A cache line. What drivers get wrong is off by one entry, one PRP or one descriptor, and all
    /// of these are smaller than a page; with pages, buffers would also grow to 4096 bytes each.
    static final int GRANULE = 64;

    private static final int SHIFT = 6;
    private static final VarHandle WORDS = MethodHandles.arrayElementVarHandle(long[].class);

    private final long base;
    private final long[] mapped;
    private final SimFunction function;

    /// Nothing is mapped.
    ///
    /// @param base the device address of the memory's first byte
    /// @param size the memory's size
    DmaDomain(long base, long size, SimFunction function) {
        this.base = base;
        this.function = function;
        this.mapped = new long[Math.toIntExact((size / GRANULE + Long.SIZE - 1) / Long.SIZE)];
    }

    /// Whether all bytes of a range of the memory are mapped.
    ///
    /// @param offset from the first byte of memory; the range is within it
    boolean covers(long offset, long length) {
        long first = offset >>> SHIFT;
        long last = (offset + length - 1) >>> SHIFT;
        int word = (int) (first >>> 6);
        int lastWord = (int) (last >>> 6);
        long mask = -1L << first;
        for (; word < lastWord; word++) {
            if (((long) WORDS.getOpaque(mapped, word) & mask) != mask) {
                return false;
            }
            mask = -1L;
        }
        mask &= -1L >>> (63 - (last & 63));
        return ((long) WORDS.getOpaque(mapped, word) & mask) == mask;
    }

    @Override
    public void map(long deviceAddress, long size) {
        change(deviceAddress, size, true);
    }

    @Override
    public void unmap(long deviceAddress, long size) {
        change(deviceAddress, size, false);
        // A model uses what was translated until its method returns.
        function.awaitMethod();
    }

    private void change(long deviceAddress, long size, boolean map) {
        long offset = deviceAddress - base;
        if (((offset | size) & (GRANULE - 1)) != 0
                || offset < 0
                || size <= 0
                || size > (long) mapped.length * Long.SIZE * GRANULE - offset) {
            throw new DeviceException(
                    "0x%x + 0x%x cannot be mapped: no multiples of %d within memory from 0x%x"
                            .formatted(deviceAddress, size, GRANULE, base));
        }
        long first = offset >>> SHIFT;
        long last = (offset + size - 1) >>> SHIFT;
        long mask = -1L << first;
        for (int word = (int) (first >>> 6); word <= (int) (last >>> 6); word++) {
            if (word == (int) (last >>> 6)) {
                mask &= -1L >>> (63 - (last & 63));
            }
            if (map) {
                long _ = (long) WORDS.getAndBitwiseOr(mapped, word, mask);
            } else {
                long _ = (long) WORDS.getAndBitwiseAnd(mapped, word, ~mask);
            }
            mask = -1L;
        }
    }

    /// A second call waits as well: the first one may have been in vain.
    @Override
    public void close() {
        function.dma().detach(this);
        function.awaitMethod();
    }
}
