package helix.driver.block.nvme;

import helix.driver.api.block.BlockStatus;
import helix.driver.block.nvme.NvmeRegisters.CAP;
import helix.driver.block.nvme.NvmeRegisters.CC;
import helix.driver.block.nvme.NvmeRegisters.CSTS;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import helix.modules.api.StateReader;
import helix.registers.Await;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The controller: brought up in the order of Base 2.0, section 3.5.1, watched, reset and shut
/// down.
///
/// The admin queue's lock guards [#phase]; only "gone" is noted without it.
final class Controller {
    private static final Logger LOG = LoggerFactory.getLogger(Controller.class);

    /// Where a controller is in its life.
    enum Phase {
        /// Being brought up for the first time.
        NEW,
        /// Executes commands.
        RUNNING,
        /// CC.EN was cleared, CSTS.RDY has yet to follow.
        DISABLING,
        /// CC.EN was set, CSTS.RDY has yet to follow.
        ENABLING,
        /// Shut down.
        STOPPED,
        /// The next generation's.
        PASSED,
        /// Could not be reset or brought up again.
        FAILED,
        /// No longer there.
        GONE
    }

    private static final Duration QUIRK_DELAY = Duration.ofMillis(2300);
    private static final Duration SHUTDOWN_MIN = Duration.ofSeconds(2);
    private static final Duration SHUTDOWN_MAX = Duration.ofSeconds(30);
    private static final Duration RUNNING_WAIT = Duration.ofSeconds(5);

    private final Hal hal;
    private final Settings settings;
    private final Set<Quirks> quirks;
    private final NvmeRegisters registers;
    private final long cap;
    private final NvmeRegisters.Capabilities capabilities;
    private final int version;
    private final int addressBits;
    private final AdminQueue admin;
    private final StallClock clock;

    private @Nullable IdentifyController identity;
    private @Nullable ShadowDoorbells shadow;
    private @Nullable Interrupts interrupts;
    private @Nullable Pairs pairs;
    private int grantedPairs;
    private int writeZeroesLimit;

    private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.NEW);
    private volatile @Nullable String fault;
    private volatile String goneReason = "";
    private volatile Runnable watchWaker = () -> {};

    /// Maps the registers and looks at what the controller can do; changes nothing yet.
    Controller(Hal hal, Settings settings) {
        this(hal, settings, new NvmeRegisters(hal.registers()), null);
    }

    /// Takes over from the generation before: maps the registers, but accesses none of them.
    Controller(Hal hal, Settings settings, ControllerState saved) {
        this(hal, settings, new NvmeRegisters(hal.registers()), saved);
        IdentifyController id = new IdentifyController(MemorySegment.ofArray(saved.identity()));
        id.check(name(), null);
        identity = id;
        writeZeroesLimit = saved.writeZeroesLimit();
        grantedPairs = saved.grantedPairs();
        StateReader.require(grantedPairs <= maxPairs(), "granted pairs", grantedPairs);
        if (saved.shadow() != 0) {
            shadow = new ShadowDoorbells(hal, pageBytes(), saved.shadow(), saved.eventIndex());
        }
        Interrupts adopted = Interrupts.adopt(hal);
        StateReader.require(
                adopted.count() == saved.vectors(), "number of vectors", saved.vectors());
        interrupts = adopted;
        pairs = new Pairs(this, Geometry.of(capabilities, pageBytes(), id.mdts()), grantedPairs);
    }

    private Controller(
            Hal hal, Settings settings, NvmeRegisters registers, @Nullable ControllerState saved) {
        this.hal = hal;
        this.settings = settings;
        this.registers = registers;
        quirks = hal.quirks();
        cap = saved == null ? registers.cap() : saved.cap();
        if (cap == NvmeRegisters.ALL_ONES) {
            throw new DeviceGoneException(hal.name() + ": registers read all ones");
        }
        capabilities = NvmeRegisters.Capabilities.of(cap);
        version = saved == null ? registers.vs() : saved.version();
        if (cap == 0 || version == 0) {
            throw new DeviceException(
                    hal.name()
                            + ": cannot drive this controller: its version reads 0 (CAP=%016x)"
                                    .formatted(cap));
        }
        capabilities.check(hal.name(), registers.bar().size());
        addressBits = quirks.contains(Quirks.ADDRESS_BITS_48) ? 48 : 64;
        admin =
                saved == null
                        ? new AdminQueue(this, pageBytes(), addressBits)
                        : new AdminQueue(this, pageBytes(), saved.admin());
        clock =
                new StallClock(
                        hal.name(), settings.nanoTime(), saved == null ? 0 : saved.stalledNanos());
    }

    // ---- Bringing up

    /// Base 2.0, section 3.5.1, with its step numbers. Steps 10 and 11, the I/O queues, are done by
    /// [Pairs] when a client opens one; step 12 by [AsyncEvents].
    void initialize() {
        // 1. No reset is under way, and the controller is disabled. What somebody left running may
        // touch memory only after that.
        disable();
        hal.busMaster(true);

        // 2. to 5. Admin queue, command sets, arbitration, page size; enable.
        configureAndEnable();

        // 6. Ready.
        await("CSTS.RDY = 1", capabilities.timeout(), this::isReady);

        // 7. to 9. Identify, command sets, number of queues, interrupts.
        setUp(settings.adminTimeout());
    }

    private void disable() {
        if (CC.EN.isSet(registers.cc())) {
            // A controller on its way up must arrive before it may be disabled (3.1.3.5), unless it
            // failed on the way.
            await(
                    "CSTS.RDY = 1 before reset",
                    capabilities.timeout(),
                    () -> (status() & (CSTS.RDY.mask() | CSTS.CFS.mask())) != 0);
            clearEnable();
            leaveAlone();
        }
        await("CSTS.RDY = 0", capabilities.timeout(), this::isDisabled);
    }

    /// Begins a controller level reset.
    void clearEnable() {
        int cc = registers.cc();
        registers.cc(cc & ~CC.EN.mask() & ~CC.SHN.mask());
    }

    /// How long the registers must not be looked at after [#clearEnable].
    long silentNanos() {
        return quirks.contains(Quirks.DELAY_BEFORE_CHECK_READY) ? QUIRK_DELAY.toNanos() : 0;
    }

    /// The one wait without a register to look at: looking is what must not be done.
    private void leaveAlone() {
        Deadline silence = Deadline.after(Duration.ofNanos(silentNanos()));
        while (!silence.isExpired()) {
            LockSupport.parkNanos(silence.remainingNanos());
        }
    }

    /// Steps 2 to 5.
    void configureAndEnable() {
        admin.reset();

        // 2. Admin Queue.
        registers.aqa(
                NvmeRegisters.AQA.ASQS.put(AdminQueue.ENTRIES - 1)
                        | NvmeRegisters.AQA.ACQS.put(AdminQueue.ENTRIES - 1));
        registers.asq(admin.submissionAddress());
        registers.acq(admin.completionAddress());

        // 3. All I/O command sets where the controller has several (so that namespaces of the
        // others
        // are seen and can be refused by name), else the NVM command set.
        // 4. Round robin arbitration, the smallest memory page; entry sizes of the NVM command set.
        // 5. Enable.
        int css = hasCommandSets() ? CC.CSS_ALL : CC.CSS_NVM;
        registers.cc(
                CC.CSS.put(css)
                        | CC.AMS.put(CC.AMS_ROUND_ROBIN)
                        | CC.MPS.put(capabilities.minPageShift() - 12)
                        | CC.SHN.put(CC.SHN_NONE)
                        | CC.IOSQES.put(SubmissionEntry.SIZE_SHIFT)
                        | CC.IOCQES.put(CompletionEntry.SIZE_SHIFT)
                        | CC.EN.put(1));
    }

    /// Steps 7 to 9. Also done after a reset, which forgets them.
    ///
    /// @param limit of each admin command
    void setUp(Duration limit) {
        // 7. Identify controller.
        IdentifyController id =
                new IdentifyController(
                        admin.read(
                                AdminCommand.identify(AdminCommand.Cns.CONTROLLER, 0, 0),
                                AdminQueue.DATA_BYTES,
                                limit));
        id.check(name(), identity);
        identity = id;

        // 8. Command sets: a combination with the NVM command set must be selected.
        if (hasCommandSets()) {
            CommandSets.select(name(), admin, limit);
        }
        writeZeroesLimit =
                hasCommandSets() && !quirks.contains(Quirks.IDENTIFY_CNS)
                        ? CommandSets.writeZeroesLimit(name(), admin, limit)
                        : 0;

        // 9. Number of queues, and the interrupts for them.
        if (shadow == null && settings.shadowDoorbells() && id.supportsShadowDoorbells()) {
            shadow = new ShadowDoorbells(hal, pageBytes(), addressBits);
        }
        if (shadow != null) {
            shadow.clear();
            admin.execute(shadow.configure(), limit);
        }
        int granted = setNumberOfQueues(limit);
        if (pairs == null) {
            grantedPairs = granted;
            int vectors = quirks.contains(Quirks.SINGLE_VECTOR) ? 1 : 1 + Math.min(granted, 8);
            interrupts = Interrupts.allocate(hal, vectors);
            Geometry geometry = Geometry.of(capabilities, pageBytes(), id.mdts());
            pairs = new Pairs(this, geometry, granted);
            LOG.info(
                    "{}: {} {} firmware {}, NVMe {}, {} I/O queue pairs, {} {} vectors, {} bytes a command",
                    name(),
                    id.model(),
                    id.serial(),
                    id.firmware(),
                    NvmeRegisters.versionText(version),
                    granted,
                    interrupts.count(),
                    interrupts.kind(),
                    geometry.commandBytes());
        } else if (granted < grantedPairs) {
            throw new DeviceException(
                    name()
                            + ": "
                            + granted
                            + " I/O queue pairs after reset, before "
                            + grantedPairs);
        }
    }

    /// Step 9. Set Features 07h; counts are 0's based, and more may be granted than asked for.
    private int setNumberOfQueues(Duration limit) {
        int wanted = Math.min(settings.maxPairs(), maxPairs());
        int result =
                admin.execute(
                        AdminCommand.setFeatures(
                                AdminCommand.Feature.NUMBER_OF_QUEUES,
                                (wanted - 1) | (wanted - 1) << 16),
                        limit);
        int submission = (result & 0xFFFF) + 1;
        int completion = (result >>> 16) + 1;
        return Math.min(wanted, Math.min(submission, completion));
    }

    /// How many I/O queue pairs have their doorbells in BAR 0.
    private int maxPairs() {
        int stride = capabilities.doorbellStride();
        return (int) ((registers.bar().size() - NvmeRegisters.DOORBELLS) / (2L * stride) - 1);
    }

    // ---- From one generation to the next

    /// Whether the controller is at work, with nothing owed to it and no reset due.
    boolean isSound() {
        return phase() == Phase.RUNNING && fault == null && !clock.isStalled();
    }

    /// The controller is the next generation's: this object touches it no more.
    ///
    /// @return false if it does not run any more
    boolean passOn() {
        if (!phase.compareAndSet(Phase.RUNNING, Phase.PASSED)) {
            return false;
        }
        watchWaker = () -> {};
        return true;
    }

    // ---- Shutting down

    /// Base 2.0, section 3.6.1: shutdown notification, then disable. After that the controller
    /// touches no memory.
    ///
    /// @throws helix.hal.api.DeviceTimeoutException if the controller does not confirm
    void shutDown() {
        phase.set(Phase.STOPPED);
        if (status() == NvmeRegisters.ALL_ONES) {
            throw new DeviceGoneException(name() + ": CSTS reads all ones");
        }
        int cc = registers.cc();
        if (CC.EN.isSet(cc) && !CSTS.CFS.isSet(status())) {
            registers.cc(CC.SHN.put(cc, CC.SHN_NORMAL));
            try {
                await(
                        "CSTS.SHST = 10b",
                        shutdownLimit(),
                        () -> CSTS.SHST.get(status()) == CSTS.SHST_COMPLETE);
            } catch (helix.hal.api.DeviceTimeoutException e) {
                LOG.warn("{}: shut down without acknowledgement: {}", name(), e.getMessage());
            }
        }
        clearEnable();
        leaveAlone();
        await("CSTS.RDY = 0", capabilities.timeout(), this::isDisabled);
        hal.busMaster(false);
    }

    private Duration shutdownLimit() {
        IdentifyController id = identity;
        Duration reported = Duration.ofNanos(1000 * (id == null ? 0 : id.shutdownMicros()));
        if (reported.compareTo(SHUTDOWN_MIN) < 0) {
            return SHUTDOWN_MIN;
        }
        return reported.compareTo(SHUTDOWN_MAX) > 0 ? SHUTDOWN_MAX : reported;
    }

    // ---- Status

    /// CSTS; notes that the controller is gone if it reads all ones.
    int status() {
        int csts = registers.csts();
        if (csts == NvmeRegisters.ALL_ONES) {
            throw new DeviceGoneException(name() + ": CSTS reads all ones");
        }
        return csts;
    }

    boolean isDisabled() {
        return !CSTS.RDY.isSet(status());
    }

    boolean isReady() {
        int csts = status();
        if (CSTS.CFS.isSet(csts)) {
            throw new DeviceException(
                    name() + ": fatal status (CSTS.CFS) while starting; " + registers.dump());
        }
        return CSTS.RDY.isSet(csts);
    }

    private void await(String event, Duration limit, BooleanSupplier condition) {
        Await.until(name(), event, limit, condition, registers::dump);
    }

    /// Executes an admin command for those who may come at any time.
    ///
    /// @throws DeviceException also while the controller is not running
    int execute(AdminCommand command, Duration limit) {
        admin.lock.lock();
        try {
            requireRunning();
            return admin.execute(command, limit);
        } finally {
            admin.lock.unlock();
        }
    }

    /// The same with data.
    MemorySegment read(AdminCommand command, int bytes, Duration limit) {
        admin.lock.lock();
        try {
            requireRunning();
            return admin.read(command, bytes, limit);
        } finally {
            admin.lock.unlock();
        }
    }

    private void requireRunning() {
        Phase now = phase();
        if (now == Phase.GONE) {
            throw new DeviceGoneException(name() + ": " + goneReason);
        }
        if (now != Phase.RUNNING && now != Phase.NEW) {
            throw new DeviceException(name() + ": controller is " + now);
        }
    }

    /// Takes the admin lock with the controller running, waiting for the end of a reset.
    ///
    /// @return false if it does not run in time; the lock is then not held
    boolean lockRunning() {
        long end = System.nanoTime() + RUNNING_WAIT.toNanos();
        while (!tryLockRunning()) {
            Phase now = phase();
            boolean recovering = now == Phase.DISABLING || now == Phase.ENABLING;
            if (!recovering || System.nanoTime() - end >= 0) {
                return false;
            }
            LockSupport.parkNanos(1_000_000);
        }
        return true;
    }

    private boolean tryLockRunning() {
        admin.lock.lock();
        boolean running = false;
        try {
            running = phase() == Phase.RUNNING;
        } finally {
            if (!running) {
                admin.lock.unlock();
            }
        }
        return running;
    }

    /// What a request is to be told of a controller that does not run.
    int refusal() {
        return switch (phase()) {
            case GONE -> BlockStatus.DEVICE_GONE;
            case STOPPED, PASSED -> BlockStatus.GENERATION_GONE;
            default -> BlockStatus.IO_ERROR;
        };
    }

    void phase(Phase next) {
        Phase now = phase();
        while (now != Phase.GONE && !phase.compareAndSet(now, next)) {
            now = phase();
        }
    }

    Phase phase() {
        return Objects.requireNonNull(phase.get());
    }

    boolean isGone() {
        return phase() == Phase.GONE;
    }

    /// Notes that the controller is no longer there, and ends what is in flight: what is gone
    /// writes to no memory.
    void gone(@Nullable String reason) {
        // Several threads may find out at once; one of them ends what is in flight.
        Phase now;
        do {
            now = phase();
            if (now == Phase.GONE || now == Phase.STOPPED || now == Phase.PASSED) {
                return;
            }
            goneReason = Objects.requireNonNullElse(reason, "gone");
        } while (!phase.compareAndSet(now, Phase.GONE));
        LOG.warn("{}: device is gone: {}", name(), goneReason);
        if (pairs != null) {
            pairs.endAll(BlockStatus.DEVICE_GONE);
        }
        watchWaker.run();
    }

    /// Notes that only a reset can help. The first reason counts.
    void fault(String reason) {
        if (fault == null) {
            fault = reason;
            watchWaker.run();
        }
    }

    @Nullable String fault() {
        return fault;
    }

    void clearFault() {
        fault = null;
    }

    void watchWaker(Runnable waker) {
        watchWaker = waker;
    }

    // ---- What others need

    boolean reaches(DmaBuffer buffer) {
        return hal.reaches(buffer);
    }

    void ringAdminTail(int value) {
        registers
                .bar()
                .write32Release(
                        NvmeRegisters.tailDoorbell(0, capabilities.doorbellStride()), value);
    }

    void ringAdminHead(int value) {
        registers
                .bar()
                .write32Release(
                        NvmeRegisters.headDoorbell(0, capabilities.doorbellStride()), value);
    }

    StallClock clock() {
        return clock;
    }

    String name() {
        return hal.name();
    }

    Hal hal() {
        return hal;
    }

    Settings settings() {
        return settings;
    }

    NvmeRegisters registers() {
        return registers;
    }

    /// The CAP register.
    long cap() {
        return cap;
    }

    int grantedPairs() {
        return grantedPairs;
    }

    NvmeRegisters.Capabilities capabilities() {
        return capabilities;
    }

    int version() {
        return version;
    }

    boolean has(Quirks quirk) {
        return quirks.contains(quirk);
    }

    private boolean hasCommandSets() {
        return (capabilities.commandSets() & CAP.CSS_IO_COMMAND_SETS) != 0;
    }

    int pageBytes() {
        return 1 << capabilities.minPageShift();
    }

    int addressBits() {
        return addressBits;
    }

    int writeZeroesLimit() {
        return writeZeroesLimit;
    }

    AdminQueue admin() {
        return admin;
    }

    @Nullable ShadowDoorbells shadowDoorbells() {
        return shadow;
    }

    IdentifyController identity() {
        return Objects.requireNonNull(identity, "not identified");
    }

    Interrupts interrupts() {
        return Objects.requireNonNull(interrupts, "not set up");
    }

    Pairs pairs() {
        return Objects.requireNonNull(pairs, "not set up");
    }
}
