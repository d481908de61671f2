package helix.driver.block.nvme;

import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.machine.BusAccess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/// An NVMe controller with behaviour: registers, doorbells, queues with phase tags. It executes
/// commands when their doorbell is written, on the writer's thread. Written from the specification
/// with numbers of its own, so that it is a second witness to the driver's.
final class FakeNvme implements BusAccess {
    // What it is like; change before the driver starts.
    int mqes = 2047;
    int timeout = 1;
    int stride;
    int commandSets = 0x41;
    int mpsmin;
    int mpsmax = 4;
    int version = 0x00020000;
    long barBytes = 16384;
    int maxPairs = 64;
    final FakeCommands commands;

    // Faults; change any time.
    volatile boolean allOnes;
    volatile boolean allZeroes;
    volatile boolean throwGone;
    volatile boolean throwTimeout;
    volatile boolean stuckDisabled;
    volatile boolean stuckEnabled;
    volatile boolean noShutdown;
    volatile int fatal;

    /// Whether doorbells only note the tail, and [#runDeferred] executes.
    volatile boolean deferred;

    volatile Predicate<Command> swallow = c -> false;
    volatile Predicate<Command> hold = c -> false;

    /// By the opcode of the next admin command: whether its doorbell finds the machine stalled.
    volatile IntPredicate stallTail = c -> false;

    // What happened.
    int doorbellWrites;
    int mmioAccesses;
    int resets;
    int shutdowns;
    boolean masteredBeforeDisabled;
    final List<String> log = new ArrayList<>();

    private final FakeHal hal;
    private int cc;
    private int csts;
    private int aqa;
    private long asq;
    private long acq;
    final TreeMap<Integer, Sq> sqs = new TreeMap<>();
    final TreeMap<Integer, Cq> cqs = new TreeMap<>();
    final List<Command> held = new ArrayList<>();

    static final class Sq {
        int id;
        int cq;
        int size;
        long address;
        int head;
        int tail;
    }

    static final class Cq {
        int id;
        int size;
        long address;
        int head;
        int tail;
        int phase = 1;
        boolean interrupts;
        int vector;
    }

    /// A submission queue entry as fetched.
    static final class Command {
        Sq sq;
        int opcode;
        int cid;
        int nsid;
        long prp1;
        long prp2;
        int[] cdw = new int[16];
    }

    FakeNvme(FakeHal hal) {
        this.hal = hal;
        commands = new FakeCommands(this, hal);
    }

    // ---- Registers

    private void access() {
        mmioAccesses++;
        if (throwGone) {
            throw new DeviceGoneException("fake machine ended");
        }
        if (throwTimeout) {
            throw new DeviceTimeoutException("fake machine does not answer");
        }
    }

    @Override
    public synchronized int read32(long address) {
        access();
        if (allOnes) {
            return -1;
        }
        if (allZeroes) {
            return 0;
        }
        return switch ((int) address) {
            case 0x08 -> version;
            case 0x14 -> cc;
            case 0x1C -> csts | (fatal != 0 ? 2 : 0);
            case 0x24 -> aqa;
            default -> throw new AssertionError("read32 at " + Long.toHexString(address));
        };
    }

    @Override
    public synchronized long read64(long address) {
        access();
        if (allOnes) {
            return -1;
        }
        if (address != 0) {
            throw new AssertionError("read64 at " + Long.toHexString(address));
        }
        return (long) mqes
                | 1L << 16
                | (long) timeout << 24
                | (long) stride << 32
                | (long) commandSets << 37
                | (long) mpsmin << 48
                | (long) mpsmax << 52;
    }

    @Override
    public synchronized void write32(long address, int value) {
        access();
        if (allOnes || allZeroes) {
            return;
        }
        if (address >= 0x1000) {
            doorbell(address - 0x1000, value);
            return;
        }
        switch ((int) address) {
            case 0x14 -> writeCc(value);
            case 0x24 -> {
                requireDisabled("AQA");
                aqa = value;
            }
            default -> throw new AssertionError("write32 at " + Long.toHexString(address));
        }
    }

    @Override
    public synchronized void write64(long address, long value) {
        access();
        if (allOnes || allZeroes) {
            return;
        }
        requireDisabled("queue base");
        switch ((int) address) {
            case 0x28 -> asq = value;
            case 0x30 -> acq = value;
            default -> throw new AssertionError("write64 at " + Long.toHexString(address));
        }
    }

    private void requireDisabled(String what) {
        if ((cc & 1) != 0) {
            throw new AssertionError(what + " written while enabled");
        }
        log.add(what);
    }

    private void writeCc(int value) {
        boolean was = (cc & 1) != 0;
        boolean is = (value & 1) != 0;
        if (is && !was) {
            enable(value);
        } else if (was && !is) {
            disable();
        }
        if ((value >>> 14 & 3) == 1 && (cc >>> 14 & 3) == 0 && !noShutdown) {
            shutdowns++;
            log.add("SHN");
            csts |= 2 << 2;
        }
        cc = value;
    }

    private void enable(int value) {
        if (!hal.busMaster) {
            throw new AssertionError("enabled without bus mastering");
        }
        if ((csts & 1) != 0) {
            throw new AssertionError("enabled before CSTS.RDY = 0");
        }
        if ((value >>> 16 & 0xF) != 6 || (value >>> 20 & 0xF) != 4) {
            throw new AssertionError("CC=" + Integer.toHexString(value));
        }
        log.add("EN=1");
        Sq sq = new Sq();
        sq.size = (aqa & 0xFFF) + 1;
        sq.address = asq;
        sqs.put(0, sq);
        Cq cq = new Cq();
        cq.size = (aqa >>> 16 & 0xFFF) + 1;
        cq.address = acq;
        cq.interrupts = true;
        cqs.put(0, cq);
        if (!stuckDisabled) {
            csts = 1;
        }
    }

    private void disable() {
        log.add("EN=0");
        masteredBeforeDisabled = hal.busMaster;
        resets++;
        sqs.clear();
        cqs.clear();
        held.clear();
        commands.reset();
        fatal = 0;
        if (!stuckEnabled) {
            csts = 0;
        }
    }

    /// For tests of a controller that firmware left running.
    void leaveEnabled() {
        cc = 0x00460001;
        csts = 1;
    }

    /// A controller that was stuck on its way up arrives.
    synchronized void becomeReady() {
        stuckDisabled = false;
        csts = 1;
    }

    /// For tests of a controller that somebody else reset.
    synchronized void loseConfiguration() {
        cc = 0;
        csts = 0;
        sqs.clear();
        cqs.clear();
    }

    // ---- Doorbells

    private void doorbell(long offset, int value) {
        doorbellWrites++;
        int bytes = 4 << stride;
        if (offset % bytes != 0) {
            throw new AssertionError("no doorbell at " + Long.toHexString(offset));
        }
        int index = (int) (offset / bytes);
        if ((csts & 1) == 0) {
            return;
        }
        if ((index & 1) == 0) {
            tail(index / 2, value);
        } else {
            head(index / 2, value);
        }
    }

    private void tail(int id, int value) {
        Sq sq = sqs.get(id);
        if (sq == null || value < 0 || value >= sq.size) {
            throw new AssertionError("tail doorbell of queue " + id + ": " + value);
        }
        if (id == 0 && stallTail.test(fetch(sq).opcode)) {
            throw new DeviceTimeoutException("fake machine does not answer");
        }
        sq.tail = value;
        if (!deferred || id == 0) {
            run(sq);
        }
    }

    /// Executes what is due, for a thread that plays the controller.
    synchronized void runDeferred() {
        for (Sq sq : sqs.values()) {
            if (sq.head != sq.tail) {
                run(sq);
            }
        }
    }

    /// The controller looks at a shadow doorbell.
    synchronized void tailFromShadow(int id, int value) {
        tail(id, value);
    }

    private void head(int id, int value) {
        Cq cq = cqs.get(id);
        if (cq == null || value < 0 || value >= cq.size) {
            throw new AssertionError("head doorbell of queue " + id + ": " + value);
        }
        cq.head = value;
    }

    void run(Sq sq) {
        while (sq.head != sq.tail && sqs.get(sq.id) == sq) {
            Command command = fetch(sq);
            sq.head = (sq.head + 1) % sq.size;
            if (swallow.test(command)) {
                continue;
            }
            if (hold.test(command)) {
                held.add(command);
                continue;
            }
            commands.execute(command);
        }
    }

    private Command fetch(Sq sq) {
        MemorySegment e = hal.resolve(sq.address + 64L * sq.head, 64);
        Command c = new Command();
        for (int i = 0; i < 16; i++) {
            c.cdw[i] = e.get(ValueLayout.JAVA_INT, 4L * i);
        }
        c.sq = sq;
        c.opcode = c.cdw[0] & 0xFF;
        c.cid = c.cdw[0] >>> 16;
        c.nsid = c.cdw[1];
        c.prp1 = e.get(ValueLayout.JAVA_LONG, 24);
        c.prp2 = e.get(ValueLayout.JAVA_LONG, 32);
        return c;
    }

    // ---- Completion

    synchronized boolean hasHeld() {
        return !held.isEmpty();
    }

    /// Executes held commands in reverse order: completions come out of order.
    synchronized void releaseHeld() {
        hold = c -> false;
        List<Command> all = new ArrayList<>(held.reversed());
        held.clear();
        all.forEach(commands::execute);
    }

    synchronized void complete(Command command, int status, int dw0) {
        complete(command.sq, command.cid, status, dw0);
    }

    synchronized void complete(Sq sq, int cid, int status, int dw0) {
        Cq cq = cqs.get(sq.cq);
        if ((cq.tail + 1) % cq.size == cq.head) {
            throw new AssertionError("completion queue " + cq.id + " overflows");
        }
        MemorySegment e = hal.resolve(cq.address + 16L * cq.tail, 16);
        e.set(ValueLayout.JAVA_INT, 0, dw0);
        e.set(ValueLayout.JAVA_INT, 8, sq.head | sq.id << 16);
        int dw3 = cid | cq.phase << 16 | status << 17;
        ValueLayout.JAVA_INT.varHandle().setRelease(e, 12L, dw3);
        cq.tail++;
        if (cq.tail == cq.size) {
            cq.tail = 0;
            cq.phase ^= 1;
        }
        if (cq.interrupts) {
            hal.raise(cq.vector);
        }
    }

    // ---- Accesses of a width that no register has

    @Override
    public byte read8(long address) {
        throw new AssertionError("read8 at " + Long.toHexString(address));
    }

    @Override
    public short read16(long address) {
        throw new AssertionError("read16 at " + Long.toHexString(address));
    }

    @Override
    public void write8(long address, byte value) {
        throw new AssertionError("write8 at " + Long.toHexString(address));
    }

    @Override
    public void write16(long address, short value) {
        throw new AssertionError("write16 at " + Long.toHexString(address));
    }
}
