package helix.hal.sim.nvme;

import helix.registers.Bits;

/// The controller's properties at the begin of BAR 0, and what setting CC does. Base 2.0, section
/// 3.1.3; accesses as NVMe over PCIe 1.0, section 3.1.2 has them: in the property's own width, or
/// as aligned 32 bits of a 64-bit one.
final class ControllerRegisters {
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
    static final int CRTO = 0x68;
    static final int DOORBELLS = 0x1000;

    static final Bits CC_EN = Bits.of(0);
    static final Bits CC_CSS = Bits.of(6, 4);
    static final Bits CC_MPS = Bits.of(10, 7);
    static final Bits CC_AMS = Bits.of(13, 11);
    static final Bits CC_SHN = Bits.of(15, 14);
    static final Bits CC_IOSQES = Bits.of(19, 16);
    static final Bits CC_IOCQES = Bits.of(23, 20);
    static final Bits AQA_ASQS = Bits.of(11, 0);
    static final Bits AQA_ACQS = Bits.of(27, 16);

    static final int VERSION = 0x00020000;

    /// CAP.TO, in units of 500 ms.
    static final int TIMEOUT = 10;

    private static final int MPSMAX = 4;
    private static final int CSS_NVM = 1;
    private static final int CSS_IOCS = 1 << 6;
    private static final int CC_WRITABLE = 0x00FFFFF1;
    private static final int CC_STATIC = 0x00003FF0;
    private static final int AQA_WRITABLE = 0x0FFF0FFF;
    private static final int CSTS_RDY = 1;
    private static final int CSTS_CFS = 1 << 1;
    private static final int SHST_IN_PROGRESS = 1;
    private static final int SHST_COMPLETE = 2;

    private enum Phase {
        DISABLED,
        ENABLING,
        READY,
        DISABLING
    }

    private final Controller controller;
    private final long cap;
    private Phase phase = Phase.DISABLED;
    private long changeAt;
    private int cc;
    private int aqa;
    private long asq;
    private long acq;
    private boolean fatal;
    private int shutdown;
    private long shutdownAt;

    ControllerRegisters(Controller controller, NvmeOptions options) {
        this.controller = controller;
        cap =
                options.queueSize() - 1
                        | 1L << 16 // CQR: queues are contiguous
                        | (long) TIMEOUT << 24
                        | (long) (CSS_NVM | CSS_IOCS) << 37
                        | (long) MPSMAX << 52
                        | 1L << 59; // CRMS.CRWMS, which 2.0 asks for
    }

    boolean isReady() {
        return phase == Phase.READY && !fatal && shutdown == 0;
    }

    /// CSTS.CFS: a driver that has not seen it yet may go on.
    boolean isFatal() {
        return fatal;
    }

    boolean isEnabled() {
        return CC_EN.get(cc) == 1;
    }

    int pageBytes() {
        return 4096 << CC_MPS.get(cc);
    }

    boolean hasStandardSubmissionEntries() {
        return CC_IOSQES.get(cc) == 6;
    }

    boolean hasStandardCompletionEntries() {
        return CC_IOCQES.get(cc) == 4;
    }

    /// CC.CSS = 110b: all I/O command sets that the controller supports.
    boolean hasAllCommandSets() {
        return CC_CSS.get(cc) == 6;
    }

    int queueSizeLimit() {
        return (int) (cap & 0xFFFF) + 1;
    }

    long shutdownNotified() {
        return shutdown;
    }

    /// Base 2.0, section 9.5: nothing is fetched or completed any more until a reset.
    void fatal(String why) {
        if (!fatal) {
            fatal = true;
            controller.log("fatal status: " + why);
        }
    }

    void reset() {
        phase = Phase.DISABLED;
        cc = 0;
        aqa = 0;
        asq = 0;
        acq = 0;
        fatal = false;
        shutdown = 0;
    }

    // ---- Reading

    int read32(int offset) {
        return switch (offset) {
            case CAP -> (int) cap;
            case CAP + 4 -> (int) (cap >>> 32);
            case VS -> VERSION;
            case INTMS, INTMC -> {
                checkMasksUsable();
                yield controller.interrupts.mask();
            }
            case CC -> cc;
            case CSTS -> status();
            case AQA -> aqa;
            case ASQ -> (int) asq;
            case ASQ + 4 -> (int) (asq >>> 32);
            case ACQ -> (int) acq;
            case ACQ + 4 -> (int) (acq >>> 32);
            case CRTO -> TIMEOUT; // CRWMT
            default -> 0;
        };
    }

    private int status() {
        advance(controller.context().nanos());
        int ready = phase == Phase.READY || phase == Phase.DISABLING ? CSTS_RDY : 0;
        return ready | (fatal ? CSTS_CFS : 0) | shutdown << 2;
    }

    // ---- Writing

    void write32(int offset, int value) {
        switch (offset) {
            case INTMS, INTMC -> {
                checkMasksUsable();
                controller.interrupts.setMask(value, offset == INTMS);
            }
            case CC -> configure(value);
            case CSTS, NSSR -> {
                if (offset == CSTS && value != 0) {
                    controller.violation(
                            "read-only bits of CSTS written (Base 2.0, 3.1.3.6)", hex(value));
                }
                // CAP.NSSRS is 0: NSSR is reserved, and so is what CSTS tells of it.
            }
            case AQA -> {
                if (whileDisabled("AQA", value) && reserved("AQA", value & ~AQA_WRITABLE)) {
                    aqa = value & AQA_WRITABLE;
                }
            }
            case ASQ -> asq = queueBase("ASQ", asq, value, 0);
            case ASQ + 4 -> asq = queueBase("ASQ", asq, value, 32);
            case ACQ -> acq = queueBase("ACQ", acq, value, 0);
            case ACQ + 4 -> acq = queueBase("ACQ", acq, value, 32);
            default ->
                    controller.violation(
                            "read-only or reserved property written (Base 2.0, 3.1.3)",
                            "offset %xh, value %s".formatted(offset, hex(value)));
        }
    }

    private long queueBase(String name, long before, int value, int shift) {
        if (!whileDisabled(name, value)) {
            return before;
        }
        int kept = value;
        if (shift == 0) {
            boolean _ = reserved(name, value & 0xFFF);
            kept &= ~0xFFF;
        }
        return (before & ~(0xFFFFFFFFL << shift)) | Integer.toUnsignedLong(kept) << shift;
    }

    private boolean whileDisabled(String name, int value) {
        if (isEnabled()) {
            controller.violation(
                    name + " written while CC.EN is 1 (Base 2.0, 3.1.3.5)", hex(value));
            return false;
        }
        return true;
    }

    private boolean reserved(String name, int bits) {
        if (bits != 0) {
            controller.violation("reserved bits of " + name + " set (Base 2.0, 3.1.3)", hex(bits));
        }
        return true;
    }

    private void checkMasksUsable() {
        if (controller.context().messagesEnabled()) {
            controller.violation(
                    "interrupt mask used with MSI-X (Base 2.0, 3.1.3.3)", "MSI-X is enabled");
        }
    }

    private void configure(int value) {
        advance(controller.context().nanos());
        boolean _ = reserved("CC", value & ~CC_WRITABLE);
        int wanted = value & CC_WRITABLE;
        boolean enable = CC_EN.get(wanted) == 1;
        if (isEnabled() && enable && ((wanted ^ cc) & CC_STATIC) != 0) {
            controller.violation(
                    "CSS, MPS or AMS changed while CC.EN is 1 (Base 2.0, 3.1.3.5)",
                    hex(cc) + " to " + hex(wanted));
            wanted = (wanted & ~CC_STATIC) | (cc & CC_STATIC);
        }
        boolean was = isEnabled();
        int before = cc;
        cc = wanted;
        if (!was && enable) {
            enable();
        } else if (was && !enable) {
            disable();
        }
        if (CC_SHN.get(wanted) != CC_SHN.get(before) && CC_SHN.get(wanted) != 0) {
            shutDown();
        }
    }

    private void enable() {
        if (phase != Phase.DISABLED) {
            controller.violation(
                    "CC.EN set while CSTS.RDY is 1 (Base 2.0, 3.1.3.5)", "phase " + phase);
        }
        phase = Phase.ENABLING;
        shutdown = 0;
        changeAt = later(controller.options().readyDelayNanos());
    }

    private void disable() {
        if (phase == Phase.ENABLING && !fatal) {
            controller.violation(
                    "CC.EN cleared while CSTS.RDY is 0 (Base 2.0, 3.1.3.5)", "phase " + phase);
        }
        // A controller level reset, section 3.7.2: AQA, ASQ and ACQ stay, queues are gone.
        boolean wasReady = phase == Phase.READY;
        controller.clear();
        fatal = false;
        shutdown = 0;
        phase = wasReady || phase == Phase.DISABLING ? Phase.DISABLING : Phase.DISABLED;
        changeAt = later(controller.options().resetDelayNanos());
    }

    private void shutDown() {
        shutdown = SHST_IN_PROGRESS;
        controller.prepareShutdown();
        shutdownAt = later(controller.options().resetDelayNanos());
    }

    private long later(long nanos) {
        long at = controller.context().nanos() + nanos;
        controller.wakeAt(at);
        return at;
    }

    /// Carries out what has become due.
    ///
    /// @return how much was done
    int advance(long now) {
        int done = 0;
        boolean changing = (phase == Phase.ENABLING && !fatal) || phase == Phase.DISABLING;
        if (changing && !controller.faults.holdsReady()) {
            if (now - changeAt < 0) {
                controller.wakeAt(changeAt);
            } else if (phase == Phase.ENABLING) {
                start();
                done++;
            } else {
                phase = Phase.DISABLED;
                done++;
            }
        }
        if (shutdown == SHST_IN_PROGRESS) {
            if (now - shutdownAt < 0) {
                controller.wakeAt(shutdownAt);
            } else {
                shutdown = SHST_COMPLETE;
                done++;
            }
        }
        return done;
    }

    private void start() {
        String wrong = "";
        int commandSet = CC_CSS.get(cc);
        if (AQA_ASQS.get(aqa) == 0 || AQA_ACQS.get(aqa) == 0) {
            wrong = "AQA " + hex(aqa) + " has a queue of fewer than two entries";
        } else if (CC_MPS.get(cc) > MPSMAX) {
            wrong = "CC.MPS " + CC_MPS.get(cc) + " is above CAP.MPSMAX";
        } else if (CC_AMS.get(cc) != 0) {
            wrong = "CC.AMS " + CC_AMS.get(cc) + " is not supported";
        } else if (commandSet != 0 && commandSet != 6) {
            wrong = "CC.CSS " + commandSet + " is not supported";
        } else if (((asq | acq) & (pageBytes() - 1)) != 0) {
            wrong = "ASQ %x or ACQ %x is not page aligned".formatted(asq, acq);
        }
        if (!wrong.isEmpty()) {
            controller.violation("controller enabled with invalid set-up (Base 2.0, 3.5.1)", wrong);
            fatal(wrong);
            return;
        }
        controller.queues.createAdmin(AQA_ASQS.get(aqa) + 1, asq, AQA_ACQS.get(aqa) + 1, acq);
        phase = Phase.READY;
    }

    static String hex(int value) {
        return "%xh".formatted(value);
    }
}
