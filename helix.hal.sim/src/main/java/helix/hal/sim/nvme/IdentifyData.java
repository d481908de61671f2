package helix.hal.sim.nvme;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.function.Predicate;

/// Identify. Base 2.0, section 5.17; NVM 1.0, section 4.1.5.
final class IdentifyData {
    static final String FIRMWARE = "1.0";

    /// Red Hat; the device is of those set aside for experiments without registration, so that no
    /// quirk of a known controller is taken for ours.
    static final int VENDOR = 0x1B36;

    static final int DEVICE = 0x00F0;

    private static final String MODEL = "Helix Simulated NVMe Controller";
    private static final int BYTES = 4096;
    private static final int ALL = -1;

    private static final int NAMESPACE = 0x00;
    private static final int CONTROLLER = 0x01;
    private static final int ACTIVE_NAMESPACES = 0x02;
    private static final int DESCRIPTORS = 0x03;
    private static final int COMMAND_SET_NAMESPACE = 0x05;
    private static final int COMMAND_SET_CONTROLLER = 0x06;
    private static final int COMMAND_SET_NAMESPACES = 0x07;
    private static final int INDEPENDENT_NAMESPACE = 0x08;
    private static final int ALLOCATED_NAMESPACES = 0x10;
    private static final int ALLOCATED_NAMESPACE = 0x11;
    private static final int ATTACHED_CONTROLLERS = 0x12;
    private static final int CONTROLLERS = 0x13;
    private static final int COMMAND_SETS = 0x1C;

    private final Controller controller;
    private final NvmeOptions options;

    IdentifyData(Controller controller, NvmeOptions options) {
        this.controller = controller;
        this.options = options;
    }

    int execute(Command command) {
        int cns = command.cdw10 & 0xFF;
        MemorySegment data = MemorySegment.ofArray(new byte[BYTES]);
        int status = fill(command, cns, data);
        if (status != Status.SUCCESS) {
            return status;
        }
        controller.faults.mutateIdentify(cns, data);
        return controller.admin.toHost(command, data);
    }

    private int fill(Command command, int cns, MemorySegment data) {
        int nsid = command.nsid;
        int commandSet = command.cdw11 >>> 24;
        return switch (cns) {
            case NAMESPACE -> namespace(nsid, data, false);
            case ALLOCATED_NAMESPACE -> namespace(nsid, data, true);
            case CONTROLLER -> controller(data);
            case ACTIVE_NAMESPACES -> list(nsid, data, namespace -> namespace.attached);
            case ALLOCATED_NAMESPACES -> list(nsid, data, namespace -> true);
            case COMMAND_SET_NAMESPACES ->
                    commandSet == 0
                            ? list(nsid, data, namespace -> namespace.attached)
                            : Status.INVALID_FIELD;
            case DESCRIPTORS -> descriptors(nsid, data);
            case COMMAND_SET_NAMESPACE -> commandSet == 0 ? isValid(nsid) : Status.INVALID_FIELD;
            case COMMAND_SET_CONTROLLER ->
                    // VSL, WZSL and WUSL of 0: no limit.
                    commandSet == 0 ? Status.SUCCESS : Status.INVALID_FIELD;
            case INDEPENDENT_NAMESPACE -> independent(nsid, data);
            case ATTACHED_CONTROLLERS -> attachedControllers(nsid, command.cdw10 >>> 16, data);
            case CONTROLLERS -> controllers(command.cdw10 >>> 16, data);
            case COMMAND_SETS -> {
                int id = command.cdw10 >>> 16;
                if (id != 0 && id != 0xFFFF) {
                    yield Status.INVALID_FIELD;
                }
                data.set(Little.LONGS, 0, 1); // NVM alone
                yield Status.SUCCESS;
            }
            default -> Status.INVALID_FIELD;
        };
    }

    private int exists(int nsid) {
        return controller.namespace(nsid) == null
                ? controller.missingNamespace(nsid)
                : Status.SUCCESS;
    }

    /// Of an inactive namespace these structures are zero filled: 5.17.2.5 and 5.17.2.8.
    private int isValid(int nsid) {
        return nsid < 1 || nsid > controller.namespaces().size()
                ? Status.INVALID_NAMESPACE_OR_FORMAT
                : Status.SUCCESS;
    }

    private static void set8(MemorySegment data, long offset, int value) {
        data.set(JAVA_BYTE, offset, (byte) value);
    }

    private static void set16(MemorySegment data, long offset, int value) {
        data.set(Little.SHORTS, offset, (short) value);
    }

    private int controller(MemorySegment data) {
        set16(data, 0, VENDOR); // VID
        set16(data, 2, VENDOR); // SSVID
        LogPages.text(data, 4, 20, options.serial());
        LogPages.text(data, 24, 40, MODEL);
        LogPages.text(data, 64, 8, FIRMWARE);
        set8(data, 72, 6); // RAB
        set8(data, 77, options.mdts());
        set16(data, 78, 0); // CNTLID
        data.set(Little.INTS, 80, ControllerRegisters.VERSION); // VER
        data.set(Little.INTS, 88, 1_000_000); // RTD3E, microseconds
        data.set(Little.INTS, 92, 1 << 8); // OAES: namespace attribute notices
        set8(data, 111, 1); // CNTRLTYPE: I/O controller
        int doorbellBuffers = options.doorbellBuffers() ? 1 << 8 : 0;
        set16(data, 256, 1 << 1 | doorbellBuffers); // OACS: Format NVM
        set8(data, 258, 3); // ACL
        set8(data, 259, AsyncEvents.LIMIT); // AERL
        set8(data, 260, 1 << 1 | 1); // FRMW: one slot, read only
        set8(data, 261, 1 << 1 | 1 << 2); // LPA: effects log, extended data
        set8(data, 262, LogPages.ERROR_ENTRIES); // ELPE
        set16(data, 266, Features.WARNING_KELVIN); // WCTEMP
        set16(data, 268, 358); // CCTEMP
        set8(data, 512, 0x66); // SQES
        set8(data, 513, 0x44); // CQES
        data.set(Little.INTS, 516, controller.namespaces().size()); // NN
        // ONCS: compare, write uncorrectable, dataset management, write zeroes, select in Get
        // Features, timestamp, verify.
        set16(data, 520, 1 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7);
        set8(data, 524, 0); // FNA: format one namespace
        set8(data, 525, 0x06 | (options.cache() ? 1 : 0)); // VWC: flush of all namespaces
        LogPages.text(data, 768, 0, "");
        byte[] nqn =
                ("nqn.2014-08.org.nvmexpress:helix-sim:" + options.serial())
                        .getBytes(StandardCharsets.UTF_8);
        MemorySegment.copy(MemorySegment.ofArray(nqn), 0, data, 768, Math.min(nqn.length, 223));
        set16(data, 2048, 2500); // PSD0: MP of 25 W
        return Status.SUCCESS;
    }

    private int namespace(int nsid, MemorySegment data, boolean allocated) {
        if (nsid < 1 || nsid > controller.namespaces().size()) {
            return Status.INVALID_NAMESPACE_OR_FORMAT;
        }
        Namespace namespace = controller.namespaces().get(nsid - 1);
        if (!namespace.attached && !allocated) {
            return Status.SUCCESS; // Zero filled for an inactive one.
        }
        long blocks = namespace.blocks();
        data.set(Little.LONGS, 0, blocks); // NSZE
        data.set(Little.LONGS, 8, blocks); // NCAP
        data.set(Little.LONGS, 16, blocks); // NUSE
        set8(data, 25, Namespace.FORMATS.length - 1); // NLBAF
        set8(data, 26, namespace.format()); // FLBAS
        set8(data, 33, 1 | 1 << 3); // DLFEAT: zeroes, also by DEAC
        data.set(Little.LONGS, 48, blocks << namespace.blockShift()); // NVMCAP
        nguid(nsid, data, 104);
        eui64(nsid, data, 120);
        for (int i = 0; i < Namespace.FORMATS.length; i++) {
            data.set(Little.INTS, 128 + 4L * i, Namespace.FORMATS[i] << 16);
        }
        return Status.SUCCESS;
    }

    /// Identifiers that stay the same for a serial number, in a locally administered range.
    private void eui64(int nsid, MemorySegment data, long at) {
        int serial = options.serial().hashCode();
        set8(data, at, 0x02);
        set8(data, at + 1, 'H');
        set8(data, at + 2, 'X');
        for (int i = 0; i < 4; i++) {
            set8(data, at + 3 + i, serial >>> (24 - 8 * i));
        }
        set8(data, at + 7, nsid);
    }

    private void nguid(int nsid, MemorySegment data, long at) {
        eui64(nsid, data, at + 8);
        set8(data, at, 0x02);
        set8(data, at + 7, nsid);
    }

    private int list(int after, MemorySegment data, Predicate<Namespace> which) {
        if (Integer.compareUnsigned(after, 0xFFFFFFFE) >= 0) {
            return Status.INVALID_NAMESPACE_OR_FORMAT;
        }
        long at = 0;
        for (Namespace namespace : controller.namespaces()) {
            if (Integer.compareUnsigned(namespace.nsid, after) > 0 && which.test(namespace)) {
                data.set(Little.INTS, at, namespace.nsid);
                at += 4;
            }
        }
        return Status.SUCCESS;
    }

    private int descriptors(int nsid, MemorySegment data) {
        int status = exists(nsid);
        if (status != Status.SUCCESS) {
            return status;
        }
        set8(data, 0, 1); // NIDT: EUI-64
        set8(data, 1, 8);
        eui64(nsid, data, 4);
        set8(data, 12, 2); // NIDT: NGUID
        set8(data, 13, 16);
        nguid(nsid, data, 16);
        set8(data, 32, 4); // NIDT: command set identifier, 0 for NVM
        set8(data, 33, 1);
        return Status.SUCCESS;
    }

    private int independent(int nsid, MemorySegment data) {
        if (controller.namespace(nsid) != null) {
            set8(data, 14, 1); // NSTAT: ready
        }
        return isValid(nsid);
    }

    private int attachedControllers(int nsid, int least, MemorySegment data) {
        if (nsid == ALL) {
            return Status.INVALID_FIELD; // 5.17.2.11
        }
        if (nsid < 1 || nsid > controller.namespaces().size()) {
            return Status.INVALID_NAMESPACE_OR_FORMAT;
        }
        return controller.namespaces().get(nsid - 1).attached
                ? controllers(least, data)
                : Status.SUCCESS;
    }

    /// A controller list with the identifiers from one on; ours is 0.
    private static int controllers(int least, MemorySegment data) {
        if (least == 0) {
            set16(data, 0, 1);
        }
        return Status.SUCCESS;
    }
}
