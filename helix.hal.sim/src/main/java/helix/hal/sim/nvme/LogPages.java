package helix.hal.sim.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Log pages. Base 2.0, section 5.16.1.
final class LogPages {
    static final int SUPPORTED = 0x00;
    static final int ERROR = 0x01;
    static final int SMART = 0x02;
    static final int FIRMWARE = 0x03;
    static final int CHANGED_NAMESPACES = 0x04;
    static final int EFFECTS = 0x05;
    static final int FEATURES = 0x12;

    /// Error Log Page Entries, 0's based.
    static final int ERROR_ENTRIES = 15;

    private static final int LAST_COMMON = 0x16;
    private static final int DISCOVERY = 0x70;
    private static final int RESERVATION = 0x80;
    private static final int ERROR_BYTES = 64;
    private static final int MOST_CHANGED = 1024;
    private static final int MOST_NOTES = 16;

    private final Controller controller;
    private final Deque<MemorySegment> errors = new ArrayDeque<>();
    private final TreeSet<Integer> changed = new TreeSet<>();
    private final Deque<String> notes = new ArrayDeque<>();
    private long errorCount;

    LogPages(Controller controller) {
        this.controller = controller;
    }

    /// Keeps a sentence for a person.
    void note(String what) {
        if (notes.size() == MOST_NOTES) {
            notes.removeFirst();
        }
        notes.addLast(what);
    }

    Set<String> notes() {
        return Set.copyOf(notes);
    }

    void namespaceChanged(int nsid) {
        changed.add(nsid);
    }

    /// Notes a command that failed for what an error log is for: what the medium did.
    void failed(Command command) {
        if ((command.status >>> 8 & 7) == 2) {
            error(
                    command.queue.id,
                    command.id,
                    command.status,
                    command.startingBlock(),
                    command.nsid);
            controller.smart.mediaErrors++;
        }
    }

    /// Adds an entry. Section 5.16.1.2.
    void error(int queue, int id, int status, long block, int nsid) {
        MemorySegment entry = MemorySegment.ofArray(new byte[ERROR_BYTES]);
        entry.set(Little.LONGS, 0, ++errorCount);
        entry.set(Little.SHORTS, 8, (short) queue);
        entry.set(Little.SHORTS, 10, (short) id);
        entry.set(Little.SHORTS, 12, (short) (status << 1));
        entry.set(Little.SHORTS, 14, (short) 0xFFFF); // no parameter is to blame
        entry.set(Little.LONGS, 16, block);
        entry.set(Little.INTS, 24, nsid);
        errors.addFirst(entry);
        if (errors.size() > ERROR_ENTRIES + 1) {
            errors.removeLast();
        }
    }

    /// A page's contents as it is now.
    ///
    /// @return null if there is no such page
    @Nullable MemorySegment page(int log) {
        return switch (log) {
            case SUPPORTED -> supported();
            case ERROR -> errorPage();
            case SMART -> {
                MemorySegment page = MemorySegment.ofArray(new byte[512]);
                controller.smart.put(page, criticalWarning(), errorCount);
                yield page;
            }
            case FIRMWARE -> {
                MemorySegment page = MemorySegment.ofArray(new byte[512]);
                page.set(JAVA_BYTE, 0, (byte) 1); // AFI: slot 1
                text(page, 8, 8, IdentifyData.FIRMWARE);
                yield page;
            }
            case CHANGED_NAMESPACES -> changedPage();
            case EFFECTS -> effects();
            case FEATURES -> features();
            default -> null;
        };
    }

    /// Whether Base 2.0 gives an identifier no meaning, figure 202: such a page is an invalid log
    /// page. One that has a meaning and is not supported is an invalid field, section 5.16.
    static boolean isReserved(int log) {
        return log > LAST_COMMON && log < RESERVATION && log != DISCOVERY;
    }

    int criticalWarning() {
        return controller.features.isTooHot(controller.smart.temperature) ? 1 << 1 : 0;
    }

    private static MemorySegment supported() {
        MemorySegment page = MemorySegment.ofArray(new byte[1024]);
        for (int log :
                new int[] {
                    SUPPORTED, ERROR, SMART, FIRMWARE, CHANGED_NAMESPACES, EFFECTS, FEATURES
                }) {
            page.set(Little.INTS, 4L * log, 1); // LSUPP
        }
        return page;
    }

    private MemorySegment errorPage() {
        MemorySegment page = MemorySegment.ofArray(new byte[(ERROR_ENTRIES + 1) * ERROR_BYTES]);
        long at = 0;
        for (MemorySegment entry : errors) {
            MemorySegment.copy(entry, 0, page, at, ERROR_BYTES);
            at += ERROR_BYTES;
        }
        return page;
    }

    private MemorySegment changedPage() {
        MemorySegment page = MemorySegment.ofArray(new byte[4 * MOST_CHANGED]);
        long at = 0;
        for (int nsid : changed) {
            page.set(Little.INTS, at, nsid);
            at += 4;
        }
        return page;
    }

    /// Commands Supported and Effects, section 5.16.1.6: bit 0 supported, bit 1 changes data.
    private static MemorySegment effects() {
        MemorySegment page = MemorySegment.ofArray(new byte[4096]);
        for (int opcode : AdminCommands.SUPPORTED) {
            page.set(Little.INTS, 4L * opcode, opcode == AdminCommands.FORMAT_NVM ? 3 : 1);
        }
        for (int opcode :
                new int[] {
                    IoCommands.FLUSH,
                    IoCommands.WRITE,
                    IoCommands.READ,
                    IoCommands.WRITE_UNCORRECTABLE,
                    IoCommands.COMPARE,
                    IoCommands.WRITE_ZEROES,
                    IoCommands.DATASET_MANAGEMENT,
                    IoCommands.VERIFY
                }) {
            boolean changes =
                    opcode != IoCommands.READ
                            && opcode != IoCommands.COMPARE
                            && opcode != IoCommands.VERIFY;
            page.set(Little.INTS, 1024 + 4L * opcode, changes ? 3 : 1);
        }
        return page;
    }

    private static MemorySegment features() {
        MemorySegment page = MemorySegment.ofArray(new byte[1024]);
        for (int feature : Features.SUPPORTED) {
            page.set(Little.INTS, 4L * feature, 1); // FSUPP
        }
        return page;
    }

    /// A page was read without Retain Asynchronous Event.
    void read(int log) {
        if (log == CHANGED_NAMESPACES) {
            changed.clear();
        }
    }

    static void text(MemorySegment page, long offset, int length, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < length; i++) {
            page.set(JAVA_BYTE, offset + i, i < bytes.length ? bytes[i] : (byte) ' ');
        }
    }
}
