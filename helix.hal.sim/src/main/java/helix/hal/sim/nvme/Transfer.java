package helix.hal.sim.nvme;

import helix.hal.sim.api.DmaPort;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// The memory a command's PRPs describe, found and checked before a byte is moved. Base 2.0,
/// section 4.1.1.
final class Transfer {
    private static final long ZEROES_BYTES = 65536;
    private static final MemorySegment ZEROES = MemorySegment.ofArray(new long[8192]);

    private final Controller controller;
    private long[] offsets = new long[130];
    private long[] lengths = new long[130];
    private int count;
    private boolean writes;

    Transfer(Controller controller) {
        this.controller = controller;
    }

    int pieces() {
        return count;
    }

    long offset(int piece) {
        return offsets[piece];
    }

    long length(int piece) {
        return lengths[piece];
    }

    /// Finds the memory.
    ///
    /// @param length in bytes
    /// @param deviceWrites whether data goes to memory
    /// @return a [Status]
    int map(long prp1, long prp2, long length, boolean deviceWrites) {
        count = 0;
        writes = deviceWrites;
        int page = controller.registers.pageBytes();
        long offset = prp1 & page - 1;
        if ((offset & 3) != 0) {
            return misplaced("PRP1", prp1);
        }
        long first = Math.min(length, page - offset);
        if (!add(prp1, first)) {
            return Status.DATA_TRANSFER_ERROR;
        }
        long left = length - first;
        if (left == 0) {
            return Status.SUCCESS;
        }
        if (left > page) {
            return mapList(prp2, left, page);
        }
        if ((prp2 & page - 1) != 0) {
            return misplaced("PRP2", prp2);
        }
        return add(prp2, left) ? Status.SUCCESS : Status.DATA_TRANSFER_ERROR;
    }

    private int mapList(long list, long length, int page) {
        if ((list & 7) != 0) {
            return misplaced("PRP list", list);
        }
        DmaPort dma = controller.dma();
        long address = list;
        long left = length;
        while (true) {
            int entries = (int) (page - (address & page - 1)) / 8;
            long needed = (left + page - 1) / page;
            int used = (int) Math.min(entries, needed);
            long at = dma.translate(address, 8L * used, false);
            if (at == DmaPort.REFUSED) {
                return Status.DATA_TRANSFER_ERROR;
            }
            boolean chained = needed > entries;
            int data = chained ? entries - 1 : used;
            for (int i = 0; i < data; i++) {
                long entry = Little.getLong(dma.memory(), at + 8L * i);
                if ((entry & page - 1) != 0) {
                    return misplaced("PRP list entry", entry);
                }
                long bytes = Math.min(left, page);
                if (!add(entry, bytes)) {
                    return Status.DATA_TRANSFER_ERROR;
                }
                left -= bytes;
            }
            if (!chained) {
                return Status.SUCCESS;
            }
            address = Little.getLong(dma.memory(), at + 8L * data);
            if ((address & page - 1) != 0) {
                return misplaced("pointer to the next PRP list", address);
            }
        }
    }

    private int misplaced(String what, long value) {
        controller.violation(
                "PRP offset invalid (Base 2.0, 4.1.1)", "%s %xh".formatted(what, value));
        return Status.INVALID_PRP_OFFSET;
    }

    private boolean add(long address, long bytes) {
        long at = controller.dma().translate(address, bytes, writes);
        if (at == DmaPort.REFUSED) {
            return false;
        }
        if (count > 0 && offsets[count - 1] + lengths[count - 1] == at) {
            lengths[count - 1] += bytes;
            return true;
        }
        if (count == offsets.length) {
            offsets = Arrays.copyOf(offsets, 2 * count);
            lengths = Arrays.copyOf(lengths, 2 * count);
        }
        offsets[count] = at;
        lengths[count++] = bytes;
        return true;
    }

    /// Fills the memory with zeroes.
    void zero() {
        MemorySegment memory = controller.dma().memory();
        for (int i = 0; i < count; i++) {
            long at = offsets[i];
            long left = lengths[i];
            while (left > 0) {
                long bytes = Math.min(left, ZEROES_BYTES);
                MemorySegment.copy(ZEROES, 0, memory, at, bytes);
                at += bytes;
                left -= bytes;
            }
        }
    }

    /// Copies data to the memory, which is as long.
    void put(MemorySegment data) {
        MemorySegment memory = controller.dma().memory();
        long from = 0;
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(data, from, memory, offsets[i], lengths[i]);
            from += lengths[i];
        }
    }

    /// Copies data from the memory, which is as long.
    void get(MemorySegment data) {
        MemorySegment memory = controller.dma().memory();
        long to = 0;
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(memory, offsets[i], data, to, lengths[i]);
            to += lengths[i];
        }
    }
}
