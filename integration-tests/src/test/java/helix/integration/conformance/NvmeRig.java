package helix.integration.conformance;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/// An NVMe controller at the level of its registers and queues. NVM Express Base 2.0, sections
/// 3.1.3, 3.3 and 3.5.1.
final class NvmeRig {
    static final int CAP = 0x00;
    static final int VS = 0x08;
    static final int INTMS = 0x0C;
    static final int INTMC = 0x10;
    static final int CC = 0x14;
    static final int CSTS = 0x1C;
    static final int NSSR = 0x20;
    static final int AQA = 0x24;
    static final int ASQ = 0x28;
    static final int ACQ = 0x30;
    static final int DOORBELLS = 0x1000;

    /// 64 and 16 byte entries, 4 KiB pages, NVM command set, enabled.
    static final int CC_NORMAL = 0x0046_0001;

    static final int ENTRIES = 16;

    /// Where pages of data begin in the function's memory; what is below is for queues.
    static final long DATA = 1 << 20;

    static final int PAGE = 4096;

    private static final long LIMIT = TimeUnit.SECONDS.toNanos(5);
    private static final long QUIET = TimeUnit.MILLISECONDS.toNanos(100);

    private final Function function;
    private final MemorySegment memory;
    private final Map<Integer, Ring> submissions = new HashMap<>();
    private final Map<Integer, Ring> completions = new HashMap<>();
    private Transcript transcript = new Transcript();
    private int nextId;

    /// A queue as its owner sees it.
    private static final class Ring {
        final long at;
        final int size;
        final int partner;
        int position;
        int phase = 1;

        Ring(long at, int size, int partner) {
            this.at = at;
            this.size = size;
            this.partner = partner;
        }
    }

    NvmeRig(Function function) {
        this.function = function;
        memory = function.memory();
    }

    /// Begins a script: the controller is disabled, its memory zero.
    void begin(Transcript to) {
        transcript = new Transcript();
        function.messages(true);
        function.write(0, CC, 4, 0);
        boolean _ = awaitReady(0);
        function.write(0, AQA, 4, 0);
        function.write(0, ASQ, 8, 0);
        function.write(0, ACQ, 8, 0);
        memory.fill((byte) 0);
        submissions.clear();
        completions.clear();
        nextId = 1;
        for (int i = 0; i < Function.VECTORS; i++) {
            boolean _ = function.hasMessage(i);
        }
        transcript = to;
    }

    Function function() {
        return function;
    }

    MemorySegment memory() {
        return memory;
    }

    void say(String format, Object... arguments) {
        transcript.say(format, arguments);
    }

    /// The device address of a data page.
    long page(int number) {
        return function.address(DATA + (long) number * PAGE);
    }

    /// A data page's place in [#memory()].
    long at(int number) {
        return DATA + (long) number * PAGE;
    }

    // ---- Registers

    long read(int offset, int width) {
        return function.read(0, offset, width);
    }

    void write(int offset, int width, long value) {
        function.write(0, offset, width, value);
    }

    /// Reads a register and writes down what it said.
    void show(String name, int offset, int width) {
        say("%s = %0" + 2 * width + "x", name, read(offset, width));
    }

    private boolean awaitReady(int ready) {
        long end = System.nanoTime() + LIMIT;
        while ((read(CSTS, 4) & 1) != ready) {
            if ((read(CSTS, 4) & 2) != 0 || System.nanoTime() - end > 0) {
                return false;
            }
            function.work();
        }
        return true;
    }

    /// Writes CC and waits until CSTS.RDY follows CC.EN or CSTS.CFS says that it never will.
    void configure(int cc) {
        write(CC, 4, cc);
        boolean _ = awaitReady(cc & 1);
        say("CC <- %08x: RDY %d CFS %d", cc, read(CSTS, 4) & 1, read(CSTS, 4) >> 1 & 1);
    }

    /// Waits for a shutdown's end.
    void awaitShutdown() {
        long end = System.nanoTime() + LIMIT;
        while ((read(CSTS, 4) >> 2 & 3) != 2 && System.nanoTime() - end < 0) {
            function.work();
        }
        say("SHST %d", read(CSTS, 4) >> 2 & 3);
    }

    /// Sets the admin queues' registers.
    void adminQueues(int entries) {
        write(AQA, 4, entries - 1 << 16 | entries - 1);
        write(ASQ, 8, function.address(0));
        write(ACQ, 8, function.address(0x1000));
        submissions.put(0, new Ring(0, entries, 0));
        completions.put(0, new Ring(0x1000, entries, 0));
    }

    /// Admin queues and CC.EN, without a word.
    NvmeRig enable() {
        return enable(CC_NORMAL);
    }

    NvmeRig enable(int cc) {
        adminQueues(ENTRIES);
        write(CC, 4, cc);
        if (!awaitReady(1)) {
            say("not ready: CSTS %08x", read(CSTS, 4));
        }
        return this;
    }

    /// Writes a doorbell.
    void doorbell(int queue, boolean head, int value) {
        int stride = 4 << (int) (read(CAP, 8) >> 32 & 15);
        write(DOORBELLS + (2 * queue + (head ? 1 : 0)) * stride, 4, value);
    }

    // ---- Commands

    /// Puts a command into a queue.
    ///
    /// @return its id
    int put(int queue, Sqe command) {
        return put(queue, command, nextId++);
    }

    int put(int queue, Sqe command, int id) {
        Ring ring = submissions.get(queue);
        command.store(memory, ring.at + (long) ring.position * Sqe.BYTES, id);
        ring.position = (ring.position + 1) % ring.size;
        return id;
    }

    /// Tells the controller of what was put.
    void ring(int queue) {
        VarHandle.releaseFence();
        doorbell(queue, false, submissions.get(queue).position);
    }

    int tail(int queue) {
        return submissions.get(queue).position;
    }

    /// Sends an admin command and writes its completion down.
    ///
    /// @return whether it succeeded
    boolean admin(String what, Sqe command) {
        return send(0, what, command);
    }

    /// Sends a command and writes its completion down.
    boolean send(int queue, String what, Sqe command) {
        int _ = put(queue, command);
        ring(queue);
        return await(queue, what);
    }

    /// Sends a command of a script's preparation: not a word unless it fails.
    void quietly(int queue, Sqe command) {
        Transcript kept = transcript;
        transcript = new Transcript();
        boolean succeeded = send(queue, "preparation", command);
        Transcript said = transcript;
        transcript = kept;
        if (!succeeded) {
            said.lines().forEach(line -> say("%s", line));
        }
    }

    /// Takes the next completion, waiting for it, and writes it down.
    boolean await(int queue, String what) {
        Ring ring = completions.get(submissions.get(queue).partner);
        return await(ring, submissions.get(queue).partner, what, LIMIT, true);
    }

    /// Writes down that nothing completes, or what does.
    void quiet(int queue, String what) {
        Ring ring = completions.get(submissions.get(queue).partner);
        boolean _ = await(ring, submissions.get(queue).partner, what, QUIET, true);
    }

    /// Takes as many completions, in whatever order, and writes them down in the order of their
    /// commands.
    void awaitAll(int queue, String what, int count) {
        all(count, () -> await(queue, what));
    }

    /// The same, without telling the controller so.
    void peekAll(int queue, String what, int count) {
        all(count, () -> peek(queue, what));
    }

    /// Takes the completion of an event request; which of several it is, is the controller's to
    /// choose.
    void event(String what) {
        Transcript kept = transcript;
        transcript = new Transcript();
        boolean _ = await(0, what);
        Transcript said = transcript;
        transcript = kept;
        said.lines().forEach(line -> say("%s", line.replaceFirst("id \\d+, ", "")));
    }

    private void all(int count, BooleanSupplier one) {
        Transcript kept = transcript;
        transcript = new Transcript();
        for (int i = 0; i < count; i++) {
            boolean _ = one.getAsBoolean();
        }
        Transcript said = transcript;
        transcript = kept;
        said.lines().stream()
                .map(line -> line.replaceFirst(" at \\d+", ""))
                .sorted()
                .forEach(line -> say("%s", line));
    }

    /// Takes the next completion without telling the controller so.
    boolean peek(int queue, String what) {
        Ring ring = completions.get(submissions.get(queue).partner);
        return await(ring, submissions.get(queue).partner, what, LIMIT, false);
    }

    private boolean await(Ring ring, int queue, String what, long limit, boolean acknowledge) {
        long at = ring.at + 16L * ring.position;
        long end = System.nanoTime() + limit;
        while ((memory.get(JAVA_INT_UNALIGNED, at + 12) >>> 16 & 1) != ring.phase) {
            if (System.nanoTime() - end > 0) {
                say("%s: nothing", what);
                return false;
            }
            function.work();
        }
        VarHandle.acquireFence();
        int dw0 = memory.get(JAVA_INT_UNALIGNED, at);
        int dw2 = memory.get(JAVA_INT_UNALIGNED, at + 8);
        int dw3 = memory.get(JAVA_INT_UNALIGNED, at + 12);
        int status = dw3 >>> 17;
        say(
                "%s: id %d, queue %d at %d, %s, result %x",
                what, dw3 & 0xFFFF, dw2 >>> 16, dw2 & 0xFFFF, status(status), dw0);
        if (++ring.position == ring.size) {
            ring.position = 0;
            ring.phase ^= 1;
        }
        if (acknowledge) {
            doorbell(queue, true, ring.position);
        }
        return status == 0;
    }

    private static String status(int status) {
        return status == 0
                ? "success"
                : "status %x/%02x%s%s"
                        .formatted(
                                status >> 8 & 7,
                                status & 0xFF,
                                (status >> 13 & 1) != 0 ? " more" : "",
                                (status >> 14 & 1) != 0 ? " dnr" : "");
    }

    /// Sets a feature back to what QEMU begins with; it keeps features over a controller reset.
    void restore(int feature, int nsid, int value) {
        quietly(0, Sqe.of(0x09).nsid(nsid).cdw(10, feature).cdw(11, value));
    }

    // ---- Queues

    /// The command that creates an I/O completion queue; 5.4.
    Sqe createCompletion(int id, int entries, int flags, int vector) {
        if (id > 0) {
            completions.put(id, new Ring(0x2000L * id + 0x1_0000, entries, id));
        }
        return Sqe.of(0x05)
                .prp(function.address(0x2000L * id + 0x1_0000), 0)
                .cdw(10, entries - 1 << 16 | id)
                .cdw(11, vector << 16 | flags);
    }

    /// The command that creates an I/O submission queue; 5.5.
    Sqe createSubmission(int id, int entries, int completion, int flags) {
        if (id > 0) {
            submissions.put(id, new Ring(0x2000L * id + 0x4_0000, entries, completion));
        }
        return Sqe.of(0x01)
                .prp(function.address(0x2000L * id + 0x4_0000), 0)
                .cdw(10, entries - 1 << 16 | id)
                .cdw(11, completion << 16 | flags);
    }

    /// Enables, and creates a pair of I/O queues.
    NvmeRig ready() {
        return ready(1, ENTRIES);
    }

    NvmeRig ready(int id, int entries) {
        if (completions.isEmpty()) {
            enable();
        }
        quietly(0, createCompletion(id, entries, 3, 0));
        quietly(0, createSubmission(id, entries, id, 1));
        return this;
    }

    // ---- Data

    int int32(int page, int offset) {
        return memory.get(JAVA_INT_UNALIGNED, at(page) + offset);
    }

    int int16(int page, int offset) {
        return memory.get(JAVA_SHORT_UNALIGNED, at(page) + offset) & 0xFFFF;
    }

    int int8(int page, int offset) {
        return memory.get(JAVA_BYTE, at(page) + offset) & 0xFF;
    }

    long int64(int page, int offset) {
        return memory.get(JAVA_LONG_UNALIGNED, at(page) + offset);
    }

    /// Fills bytes of the data pages with a pattern that tells one place from another.
    void pattern(long at, int bytes, int salt) {
        for (int i = 0; i < bytes; i++) {
            memory.set(JAVA_BYTE, at + i, (byte) (i * 7 + (i >> 8) * 13 + salt));
        }
    }

    /// Whether bytes have that pattern.
    boolean hasPattern(long at, int bytes, int salt) {
        for (int i = 0; i < bytes; i++) {
            if (memory.get(JAVA_BYTE, at + i) != (byte) (i * 7 + (i >> 8) * 13 + salt)) {
                return false;
            }
        }
        return true;
    }

    /// Whether bytes are all the same.
    boolean isFilled(long at, int bytes, int value) {
        for (int i = 0; i < bytes; i++) {
            if (memory.get(JAVA_BYTE, at + i) != (byte) value) {
                return false;
            }
        }
        return true;
    }

    /// Writes down which messages have come since this was last asked.
    void messages(String what) {
        StringBuilder came = new StringBuilder();
        for (int i = 0; i < Function.VECTORS; i++) {
            if (function.hasMessage(i)) {
                came.append(' ').append(i);
            }
        }
        say("%s: messages%s", what, came.isEmpty() ? " none" : came);
    }

    /// Waits for a message of a vector.
    void awaitMessage(int vector) {
        long end = System.nanoTime() + LIMIT;
        while (!function.hasMessage(vector)) {
            if (System.nanoTime() - end > 0) {
                say("no message %d", vector);
                return;
            }
            function.work();
        }
        say("message %d", vector);
    }
}
