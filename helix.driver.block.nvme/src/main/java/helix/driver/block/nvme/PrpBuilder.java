package helix.driver.block.nvme;

import helix.driver.api.block.ScatterList;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Describes the memory of one command by Physical Region Pages. Base 2.0, section 4.1.1.
///
/// PRP1 may begin anywhere in a page (at a multiple of 4). Every further entry is the start of a
/// page, so each piece but the first begins at one and each but the last ends at one. One page
/// needs PRP1 only; with two, PRP2 is the second; with more, PRP2 points to a list of the rest. A
/// list here never fills its page, so lists are not chained.
///
/// Where pieces do not join at a page boundary, or the command would exceed the controller's
/// transfer size, [#add] takes no more, and the request goes on with another command.
final class PrpBuilder {
    private static final VarHandle ENTRY =
            ValueLayout.JAVA_LONG
                    .withOrder(ByteOrder.LITTLE_ENDIAN)
                    .arrayElementVarHandle()
                    .withInvokeExactBehavior();

    private final int pageBytes;
    private final long pageMask;
    private final int maxBytes;
    private final int listEntries;
    private final MemorySegment lists;
    private final long listsAddress;

    private long firstEntry;
    private long listAddress;
    private long prp1;
    private long second;
    private int pages;
    private long bytes;
    private boolean endsInPage;

    /// Makes a builder.
    ///
    /// @param pageBytes the memory page, CC.MPS
    /// @param maxBytes the most that one command may carry
    /// @param lists memory for the lists, one of [#listBytes] for each command slot
    /// @param listsAddress its device address
    PrpBuilder(int pageBytes, int maxBytes, MemorySegment lists, long listsAddress) {
        this.pageBytes = pageBytes;
        this.pageMask = pageBytes - 1L;
        this.maxBytes = maxBytes;
        this.listEntries = listBytes(pageBytes, maxBytes) / Long.BYTES;
        this.lists = lists;
        this.listsAddress = listsAddress;
    }

    /// The size of one list: a power of two, so that a list never crosses a page.
    static int listBytes(int pageBytes, int maxBytes) {
        int entries = Math.max(8, maxBytes / pageBytes);
        return Integer.highestOneBit(2 * entries - 1) * Long.BYTES;
    }

    /// Begins the description of a command.
    ///
    /// @param slot whose list to use
    void begin(int slot) {
        firstEntry = (long) slot * listEntries;
        listAddress = listsAddress + firstEntry * Long.BYTES;
        pages = 0;
        bytes = 0;
        prp1 = 0;
        second = 0;
        endsInPage = false;
    }

    /// Adds memory.
    ///
    /// @param address its device address
    /// @param length its size, at least 1
    /// @return how much of it was taken; 0 if this command can take no more
    long add(long address, long length) {
        long n = Math.min(length, maxBytes - bytes);
        if (n == 0 || (bytes > 0 && (endsInPage || (address & pageMask) != 0))) {
            return 0;
        }
        long end = address + n;
        append(address);
        for (long page = (address & ~pageMask) + pageBytes; page < end; page += pageBytes) {
            append(page);
        }
        bytes += n;
        endsInPage = (end & pageMask) != 0;
        return n;
    }

    private void append(long entry) {
        if (pages == 0) {
            prp1 = entry;
        } else if (pages == 1) {
            second = entry;
        } else {
            if (pages == 2) {
                ENTRY.set(lists, 0L, firstEntry, second);
            }
            ENTRY.set(lists, 0L, firstEntry + pages - 1, entry);
        }
        pages++;
    }

    long prp1() {
        return prp1;
    }

    long prp2() {
        return pages <= 2 ? second : listAddress;
    }

    /// How many bytes the command carries so far.
    long bytes() {
        return bytes;
    }

    /// The address of the slot's list, for a command that keeps other data there.
    long listAddress() {
        return listAddress;
    }

    /// Where the slot's list begins in the memory of lists.
    long listOffset() {
        return firstEntry * Long.BYTES;
    }

    /// How many commands a request takes.
    int commands(ScatterList list) {
        int commands = 1;
        long used = 0;
        boolean inPage = false;
        for (int i = 0; i < list.size(); i++) {
            long address = list.address(i);
            long length = list.length(i);
            if (used > 0 && (inPage || (address & pageMask) != 0)) {
                commands++;
                used = 0;
            }
            inPage = (address + length & pageMask) != 0;
            // What exceeds this command, in full commands.
            long over = used + length - maxBytes;
            if (over > 0) {
                long more = (over + maxBytes - 1) / maxBytes;
                commands += (int) more;
                used = over - (more - 1) * maxBytes;
            } else {
                used += length;
            }
        }
        return commands;
    }
}
