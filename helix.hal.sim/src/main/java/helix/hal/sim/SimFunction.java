package helix.hal.sim;

import helix.hal.sim.FunctionConfig.Decoded;
import helix.hal.sim.SimMachine.Violation;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/// One endpoint: its config space, MSI-X, interrupt pin and way to memory, in front of a model.
///
/// Everything is guarded by the function's lock, which is taken before any other lock of the
/// machine.
final class SimFunction implements ConfigTarget, DeviceContext, MsixTable.Bus {
    private final String id;
    private final DeviceModel model;
    private final FunctionShape shape;
    private final Platform platform;
    private final FunctionLock lock;
    private final FunctionConfig config;
    private final FunctionFaults faults = new FunctionFaults();
    private final @Nullable MsixTable msix;
    private final FunctionDma dma;
    private final RandomGenerator random;
    private final int line;
    private final AtomicBoolean wanted = new AtomicBoolean();

    /// What it decodes, for whoever routes; written under the lock.
    private volatile List<Decoded> decoded = List.of();

    /// Pulled out, or its model failed.
    private volatile boolean gone;

    private final AtomicBoolean closed = new AtomicBoolean();

    /// Pulled out while its model was in a method that did not return.
    private volatile boolean abandoned;

    private boolean powered;

    /// The supply failed, until a time.
    private boolean cut;

    private long cutUntil = Long.MAX_VALUE;
    private boolean behindMaster = true;
    private boolean raised;
    private long wakeAt = Long.MAX_VALUE;
    private volatile Runnable waker = () -> {};

    /// What the machine is to its functions.
    interface Platform {
        long nanos();

        Reports reports();

        MessagePool messages();

        SimLines lines();

        /// What the function decodes is something else now; its lock is held.
        void decodingChanged();

        /// The function's model failed; its lock is held.
        void failed(SimFunction function);

        /// The function's supply failed or is back; its lock is held.
        void supplied(SimFunction function, boolean on);
    }

    /// A function without power.
    ///
    /// @param line which of the machine's lines its pin drives
    SimFunction(
            String id,
            DeviceModel model,
            FunctionShape shape,
            Platform platform,
            Function<String, FunctionDma> port,
            int line,
            boolean behindPort,
            long seed) {
        this.id = id;
        this.lock = new FunctionLock(id);
        this.model = model;
        this.shape = shape;
        this.platform = platform;
        this.line = line;
        this.config = new FunctionConfig(shape, behindPort);
        this.msix = shape.msix() == null ? null : new MsixTable(shape.msix(), this);
        this.dma = port.apply(id);
        this.random = new SplittableRandom(seed ^ (long) id.hashCode() * 0x9E37_79B9_7F4A_7C15L);
    }

    @Override
    public String id() {
        return id;
    }

    DeviceModel model() {
        return model;
    }

    boolean isGone() {
        return gone;
    }

    boolean isAbandoned() {
        return abandoned;
    }

    List<Decoded> decoded() {
        return decoded;
    }

    /// What is to be called when there is something to do.
    void waker(Runnable next) {
        waker = next;
    }

    // ---- calls of the model

    /// The model threw: that ends the function. Whatever it threw, for a mapped file that has no
    /// room is an error of the JVM's.
    private void failed(Throwable cause) {
        gone = true;
        platform.reports().failure(id, cause);
        cutOff();
        platform.failed(this);
    }

    private void guarded(Runnable call) {
        try {
            call.run();
        } catch (Throwable e) {
            failed(e);
        }
    }

    /// Runs something with the lock held.
    <T> T locked(Function<FunctionFaults, T> action) {
        lock.enter();
        try {
            return action.apply(faults);
        } finally {
            lock.leave();
        }
    }

    /// Returns when no method of the model is under way that was when this was called.
    ///
    /// @throws helix.hal.api.DeviceTimeoutException if one does not return
    void awaitMethod() {
        lock.enter();
        lock.leave();
    }

    void powerOn() {
        locked(_ -> {
            powered = true;
            guarded(() -> model.powerOn(this));
            return true;
        });
        wake();
    }

    /// The slot has power, or has none.
    void power(boolean on) {
        locked(_ -> {
            if (on != powered && !gone) {
                powered = on;
                reset(DeviceModel.Reset.POWER);
            }
            return true;
        });
        wake();
    }

    /// A conventional reset: what is above the function resets it.
    void conventionalReset() {
        locked(f -> {
            if (!f.stuckReset) {
                reset(DeviceModel.Reset.POWER);
            }
            return true;
        });
    }

    private void reset(DeviceModel.Reset kind) {
        config.reset();
        if (msix != null) {
            msix.reset();
        }
        wakeAt = Long.MAX_VALUE;
        if (!gone) {
            guarded(() -> model.reset(kind));
        }
        raised = false;
        if (faults.lateReset > 0) {
            faults.silent = true;
            faults.silentUntil = platform.nanos() + faults.lateReset;
        }
        configChanged();
    }

    /// It is pulled out: nothing of it is reachable when this returns. A model that is in a method
    /// which does not return is left to itself, without memory, registers and interrupts.
    void pull() {
        if (!takeOff()) {
            return;
        }
        wake();
        closeModel();
    }

    /// Takes it off the bus.
    ///
    /// @return false if its model does not let go
    boolean takeOff() {
        boolean before = gone;
        gone = true;
        dma.master(false);
        if (!lock.tryEnter()) {
            abandon();
            return false;
        }
        try {
            if (!before) {
                cutOff();
                model.reset(DeviceModel.Reset.POWER);
            }
        } catch (Throwable e) {
            platform.reports().failure(id, e);
        } finally {
            lock.leave();
        }
        return true;
    }

    private void abandon() {
        abandoned = true;
        decoded = List.of();
        platform.decodingChanged();
        platform.lines().drive(this, line, false);
        platform.reports().abandoned(id, FunctionLock.limitMillis());
    }

    private void closeModel() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            model.close();
        } catch (Throwable e) {
            platform.reports().failure(id, e);
        }
    }

    /// Its thread ends, perhaps for something that was not the model's.
    void threadEnded(@Nullable Throwable cause) {
        if (cause != null) {
            locked(_ -> {
                failed(cause);
                return true;
            });
        }
        if (abandoned) {
            closeModel();
        }
    }

    private void cutOff() {
        gone = true;
        raised = false;
        dma.master(false);
        driveLine();
        decoded = List.of();
        platform.decodingChanged();
    }

    // ---- config space

    private boolean isSilent() {
        if (faults.silent && platform.nanos() - faults.silentUntil >= 0) {
            faults.silent = false;
            faults.silentUntil = Long.MAX_VALUE;
        }
        return gone || !powered || cut || faults.silent;
    }

    @Override
    public int readConfig(int offset, int width) {
        lock.enter();
        try {
            return isSilent() ? ConfigImage.ones(width) : config.read(offset, width);
        } finally {
            lock.leave();
        }
    }

    @Override
    public void writeConfig(int offset, int width, int value) {
        lock.enter();
        try {
            if (isSilent()) {
                return;
            }
            config.write(offset, width, value);
            if (config.asksForReset(offset, width, value)) {
                if (!faults.stuckReset) {
                    reset(DeviceModel.Reset.FUNCTION_LEVEL);
                }
            } else {
                configChanged();
            }
        } finally {
            lock.leave();
        }
    }

    /// Forwarding by the port above begins or ends.
    void behindMaster(boolean forwards) {
        locked(_ -> {
            behindMaster = forwards;
            configChanged();
            return true;
        });
    }

    private void configChanged() {
        boolean alive = powered && !cut && !gone;
        dma.master(alive && behindMaster && config.isMaster());
        driveLine();
        if (msix != null) {
            msix.deliverAll();
        }
        List<Decoded> now = alive ? config.decoded() : List.of();
        if (!now.equals(decoded)) {
            decoded = now;
            platform.decodingChanged();
        }
    }

    // ---- registers

    private static void check(long offset, int width) {
        if ((offset & (width - 1)) != 0) {
            throw new IllegalArgumentException(
                    "no access: offset 0x%x is no multiple of %d".formatted(offset, width));
        }
    }

    /// Whether an access that was routed here is nobody's: since it was, the function may have been
    /// reset, and decodes nothing any more.
    private boolean isDeaf() {
        return decoded.isEmpty() || isSilent();
    }

    /// Reads a register.
    long read(int bar, long offset, int width) {
        check(offset, width);
        lock.enter();
        try {
            if (isDeaf()) {
                return -1;
            }
            if (msix != null && msix.covers(bar, offset)) {
                return readTable(offset, width);
            }
            return model.read(bar, offset, width);
        } catch (Throwable e) {
            failed(e);
            return -1;
        } finally {
            lock.leave();
        }
    }

    private long readTable(long offset, int width) {
        MsixTable table = tableFor(offset, width);
        if (table == null) {
            return 0;
        }
        long low = Integer.toUnsignedLong(table.read(offset));
        return width == Long.BYTES ? low | (long) table.read(offset + 4) << 32 : low;
    }

    private @Nullable MsixTable tableFor(long offset, int width) {
        if (width >= Integer.BYTES) {
            return msix;
        }
        violation(
                "MSI-X structures are accessed by 32 or 64 bits (PCIe 6.0, 7.7.2)",
                "%d bytes at 0x%x".formatted(width, offset));
        return null;
    }

    /// Writes a register.
    void write(int bar, long offset, int width, long value) {
        check(offset, width);
        lock.enter();
        try {
            if (isDeaf()) {
                return;
            }
            if (msix != null && msix.covers(bar, offset)) {
                MsixTable table = tableFor(offset, width);
                if (table != null) {
                    table.write(offset, (int) value);
                    if (width == Long.BYTES) {
                        table.write(offset + 4, (int) (value >>> 32));
                    }
                }
                return;
            }
            model.write(bar, offset, width, value);
        } catch (Throwable e) {
            failed(e);
        } finally {
            lock.leave();
        }
        wake();
    }

    // ---- work

    /// Lets the model work once.
    ///
    /// @param last whether others who want the lock go first
    /// @return how much was done
    int tick(boolean last) {
        if (!(last ? lock.tryEnterLast() : lock.tryEnter())) {
            return 0;
        }
        try {
            if (wanted.getPlain()) {
                // Before the model looks: what is wished for from now on is seen or done again.
                wanted.set(false);
            }
            if (cut && platform.nanos() >= cutUntil) {
                restorePower();
            }
            if (isSilent()) {
                return 0;
            }
            long now = faults.slow > 0 || wakeAt != Long.MAX_VALUE ? platform.nanos() : 0;
            if (faults.slow > 0) {
                if (faults.nextLook > now) {
                    return 0;
                }
                faults.nextLook = now + faults.slow;
            }
            if (wakeAt != Long.MAX_VALUE && now - wakeAt >= 0) {
                wakeAt = Long.MAX_VALUE;
            }
            return storm() + model.tick();
        } catch (Throwable e) {
            failed(e);
            return 0;
        } finally {
            lock.leave();
        }
    }

    private int storm() {
        if (faults.storm <= 0) {
            return 0;
        }
        faults.storm--;
        if (messagesEnabled()) {
            message(Math.min(faults.stormVector, msix == null ? 0 : msix.vectors() - 1));
        } else {
            line((faults.storm & 1) != 0);
        }
        return 1;
    }

    /// Takes the wish for a tick.
    boolean isWanted() {
        return wanted.get();
    }

    /// When the model wants to be called, as far as that is known.
    long nextTick() {
        if (!lock.tryEnter()) {
            return Long.MAX_VALUE;
        }
        try {
            long next = Math.min(wakeAt, faults.silent ? faults.silentUntil : Long.MAX_VALUE);
            next = Math.min(next, cutUntil);
            return faults.slow > 0 ? Math.min(next, faults.nextLook) : next;
        } finally {
            lock.leave();
        }
    }

    // ---- what the model asks for

    @Override
    public FunctionDma dma() {
        return dma;
    }

    @Override
    public void message(int vector) {
        MsixTable table = msix;
        if (table == null || vector < 0 || vector >= table.vectors()) {
            throw new IllegalArgumentException(id + " has no MSI-X vector " + vector);
        }
        if (!messagesEnabled() || !dma.isMaster() || isDropped()) {
            return;
        }
        table.raise(vector);
    }

    private boolean isDropped() {
        if (faults.dropInterrupts <= 0) {
            return false;
        }
        faults.dropInterrupts--;
        return true;
    }

    @Override
    public boolean isOpen() {
        return config.messagesEnabled() && !config.messagesMasked() && dma.isMaster();
    }

    @Override
    public void send(int vector, long address, int data) {
        if (!platform.messages().deliver(address, data)) {
            platform.reports()
                    .dmaFault(
                            new SimMachine.DmaFault(
                                    id,
                                    address,
                                    Integer.BYTES,
                                    true,
                                    "message of vector %d with data 0x%x is nobody's"
                                            .formatted(vector, data)));
        }
    }

    @Override
    public boolean messagesEnabled() {
        return config.messagesEnabled();
    }

    @Override
    public void line(boolean level) {
        if (shape.pin() == 0 || (level && !raised && isDropped())) {
            return;
        }
        raised = level;
        driveLine();
    }

    private void driveLine() {
        config.interruptStatus(raised);
        if (shape.pin() != 0) {
            boolean drives =
                    raised
                            && powered
                            && !cut
                            && !gone
                            && !config.isLineDisabled()
                            && !config.messagesEnabled();
            platform.lines().drive(this, line, drives);
        }
    }

    @Override
    public long nanos() {
        return platform.nanos();
    }

    @Override
    public void wakeAt(long nanos) {
        wakeAt = nanos;
    }

    @Override
    public void wake() {
        if (!wanted.getAcquire() && wanted.compareAndSet(false, true)) {
            waker.run();
        }
    }

    @Override
    public void losePower(long nanos) {
        if (gone) {
            return;
        }
        long now = platform.nanos();
        cutUntil = nanos > Long.MAX_VALUE - now ? Long.MAX_VALUE : now + nanos;
        wakeAt = Long.MAX_VALUE;
        raised = false;
        if (!cut) {
            cut = true;
            configChanged();
            platform.supplied(this, false);
        }
    }

    @Override
    public void restorePower() {
        if (!cut || gone) {
            return;
        }
        cut = false;
        cutUntil = Long.MAX_VALUE;
        reset(DeviceModel.Reset.POWER);
        platform.supplied(this, true);
    }

    @Override
    public RandomGenerator random() {
        return random;
    }

    @Override
    public void violation(String rule, String detail) {
        platform.reports().violation(new Violation(id, rule, detail));
    }

    @Override
    public String toString() {
        return id;
    }
}
