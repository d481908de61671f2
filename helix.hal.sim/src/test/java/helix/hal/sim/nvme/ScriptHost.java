package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The other side of a controller for scripts: builds entries, rings doorbells, takes completions.
/// It checks nothing and follows no more of the specification than a script asks it to. Its numbers
/// are written from the specification, not taken from the model.
final class ScriptHost {
    static final int PAGE = 4096;
    static final int CAP = 0x00;
    static final int VS = 0x08;
    static final int INTMS = 0x0C;
    static final int INTMC = 0x10;
    static final int CC = 0x14;
    static final int CSTS = 0x1C;
    static final int AQA = 0x24;
    static final int ASQ = 0x28;
    static final int ACQ = 0x30;
    static final int DOORBELLS = 0x1000;
    static final int ENABLE = 0x00460001;

    private static final int PATIENCE = 100_000;
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    final ControllerAccess device;
    final Map<Integer, Queue> queues = new HashMap<>();
    private long next;
    private long remembered;
    private int ids;

    ScriptHost(ControllerAccess device) {
        this.device = device;
    }

    /// A completion.
    ///
    /// @param status code, type and so on, without the phase
    record Completion(long result, int queueHead, int queue, int id, int status) {
        /// Type and code, without Do Not Retry and the rest.
        int code() {
            return status & 0x7FF;
        }

        boolean doNotRetry() {
            return (status & 1 << 14) != 0;
        }
    }

    /// Both rings of a queue pair.
    final class Queue {
        final int id;
        final int entries;
        final int completionEntries;
        final long submissions;
        final long completions;
        int tail;
        int head;
        int phase = 1;

        Queue(int id, int entries, int completionEntries) {
            this.id = id;
            this.entries = entries;
            this.completionEntries = completionEntries;
            submissions = allocate((entries * 64 + PAGE - 1) / PAGE);
            completions = allocate((completionEntries * 16 + PAGE - 1) / PAGE);
        }

        /// Stores an entry without telling.
        int put(Entry entry) {
            int commandId = entry.id >= 0 ? entry.id : ids++ & 0xFFFF;
            long at = submissions + tail * 64L;
            MemorySegment memory = device.memory();
            memory.asSlice(at, 64).fill((byte) 0);
            memory.set(INT, at, entry.opcode | entry.flags << 8 | commandId << 16);
            memory.set(INT, at + 4, entry.nsid);
            memory.set(LONG, at + 24, entry.prp1);
            memory.set(LONG, at + 32, entry.prp2);
            for (int i = 0; i < entry.cdw.length; i++) {
                memory.set(INT, at + 40 + 4L * i, entry.cdw[i]);
            }
            tail = (tail + 1) % entries;
            return commandId;
        }

        void ring() {
            device.write(DOORBELLS + id * 8, 4, tail);
        }

        /// Takes a completion if there is one.
        @Nullable Completion poll() {
            MemorySegment memory = device.memory();
            long at = completions + head * 16L;
            int last = memory.get(INT, at + 12);
            if ((last >>> 16 & 1) != phase) {
                return null;
            }
            int dw2 = memory.get(INT, at + 8);
            Completion completion =
                    new Completion(
                            memory.get(LONG, at),
                            dw2 & 0xFFFF,
                            dw2 >>> 16,
                            last & 0xFFFF,
                            last >>> 17);
            if (++head == completionEntries) {
                head = 0;
                phase ^= 1;
            }
            return completion;
        }

        void release() {
            device.write(DOORBELLS + id * 8 + 4, 4, head);
        }

        Completion take() {
            for (int i = 0; i < PATIENCE; i++) {
                Completion completion = poll();
                if (completion != null) {
                    release();
                    return completion;
                }
                device.progress();
            }
            throw new AssertionError("no completion in queue " + id);
        }

        List<Completion> take(int count) {
            List<Completion> all = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                all.add(take());
            }
            return all;
        }

        Completion send(Entry entry) {
            int commandId = put(entry);
            ring();
            Completion completion = take();
            if (completion.id != commandId) {
                throw new AssertionError("completion of another command: " + completion);
            }
            return completion;
        }
    }

    /// A submission queue entry to be.
    static final class Entry {
        final int opcode;
        int id = -1;
        int flags;
        int nsid;
        long prp1;
        long prp2;
        final int[] cdw = new int[6];

        Entry(int opcode) {
            this.opcode = opcode;
        }

        Entry id(int value) {
            id = value;
            return this;
        }

        Entry flags(int value) {
            flags = value;
            return this;
        }

        Entry nsid(int value) {
            nsid = value;
            return this;
        }

        Entry prp(long first, long second) {
            prp1 = first;
            prp2 = second;
            return this;
        }

        Entry cdw(int number, int value) {
            cdw[number - 10] = value;
            return this;
        }

        /// Starting LBA, and Number of Logical Blocks as a count.
        Entry blocks(long first, int count) {
            return cdw(10, (int) first).cdw(11, (int) (first >>> 32)).cdw(12, count - 1);
        }
    }

    static Entry entry(int opcode) {
        return new Entry(opcode);
    }

    // ---- Memory

    /// Takes pages.
    ///
    /// @return their offset in memory, which [#address] makes an address of
    long allocate(int pages) {
        long at = next;
        next += (long) pages * PAGE;
        return at;
    }

    /// Notes what is taken so far, for [#forget].
    void remember() {
        remembered = next;
    }

    /// Gives back and zeroes what was taken since [#remember].
    void forget() {
        bytes(remembered, next - remembered).fill((byte) 0);
        next = remembered;
    }

    void fillInts(long offset, int length, int value) {
        for (int i = 0; i < length; i += 4) {
            set32(offset + i, value);
        }
    }

    long address(long offset) {
        return device.address() + offset;
    }

    MemorySegment bytes(long offset, long length) {
        return device.memory().asSlice(offset, length);
    }

    void fill(long offset, int length, int seed) {
        MemorySegment memory = device.memory();
        for (int i = 0; i < length; i++) {
            memory.set(ValueLayout.JAVA_BYTE, offset + i, (byte) (seed * 31 + i * 7 + (i >> 8)));
        }
    }

    int int32(long offset) {
        return device.memory().get(INT, offset);
    }

    long int64(long offset) {
        return device.memory().get(LONG, offset);
    }

    void set64(long offset, long value) {
        device.memory().set(LONG, offset, value);
    }

    void set32(long offset, int value) {
        device.memory().set(INT, offset, value);
    }

    // ---- Bringing up

    int read32(int offset) {
        return (int) device.read(offset, 4);
    }

    void write32(int offset, int value) {
        device.write(offset, 4, Integer.toUnsignedLong(value));
    }

    /// Waits for bits of CSTS.
    int awaitStatus(int mask, int value) {
        for (int i = 0; i < PATIENCE; i++) {
            int status = read32(CSTS);
            if ((status & mask) == value) {
                return status;
            }
            device.progress();
        }
        throw new AssertionError("CSTS is %x".formatted(read32(CSTS)));
    }

    Queue admin() {
        return Objects.requireNonNull(queues.get(0), "controller not enabled");
    }

    Queue enable() {
        return enable(32, 32);
    }

    Queue enable(int entries, int completionEntries) {
        Queue admin = new Queue(0, entries, completionEntries);
        device.memory().asSlice(admin.completions, completionEntries * 16L).fill((byte) 0);
        queues.clear();
        queues.put(0, admin);
        write32(AQA, (entries - 1) | ((completionEntries - 1) << 16));
        device.write(ASQ, 8, address(admin.submissions));
        device.write(ACQ, 8, address(admin.completions));
        write32(CC, ENABLE);
        int _ = awaitStatus(1, 1);
        return admin;
    }

    void disable() {
        write32(CC, ENABLE & ~1);
        int _ = awaitStatus(1, 0);
    }

    Completion admin(Entry entry) {
        return admin().send(entry);
    }

    /// Creates both queues of a pair, with a vector or -1.
    Queue pair(int id, int entries, int vector) {
        Queue queue = new Queue(id, entries, entries);
        Completion created = createCompletions(queue, vector);
        if (created.status != 0) {
            throw new AssertionError("completion queue not created: " + created);
        }
        created = createSubmissions(queue, id);
        if (created.status != 0) {
            throw new AssertionError("submission queue not created: " + created);
        }
        queues.put(id, queue);
        return queue;
    }

    Completion createCompletions(Queue queue, int vector) {
        int interrupts = vector < 0 ? 0 : 2 | vector << 16;
        return admin(
                entry(0x05)
                        .prp(address(queue.completions), 0)
                        .cdw(10, queue.id | ((queue.completionEntries - 1) << 16))
                        .cdw(11, 1 | interrupts));
    }

    Completion createSubmissions(Queue queue, int completions) {
        return admin(
                entry(0x01)
                        .prp(address(queue.submissions), 0)
                        .cdw(10, queue.id | ((queue.entries - 1) << 16))
                        .cdw(11, 1 | completions << 16));
    }

    Completion identify(int cns, int nsid, long to) {
        return admin(entry(0x06).nsid(nsid).prp(address(to), 0).cdw(10, cns));
    }

    // ---- Data

    /// A read, write or compare of up to two pages at a page aligned offset.
    Entry transfer(int opcode, int nsid, long block, int blocks, long offset) {
        return entry(opcode)
                .nsid(nsid)
                .prp(address(offset), address(offset + PAGE))
                .blocks(block, blocks);
    }
}
