package helix.driver.block.nvme;

import static helix.driver.block.nvme.DataField.hex;
import static helix.driver.block.nvme.DataField.number;
import static helix.driver.block.nvme.DataField.text;

import helix.hal.api.DeviceException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Identify Controller data structure, CNS 01h. Base 2.0, section 5.17.2.1; NVM 1.0, section
/// 4.1.5.2 for bytes 512 on.
///
/// @param data the 4096 bytes
record IdentifyController(MemorySegment data) {
    private static final DataField SN = text("sn", 4, 20);
    private static final DataField MN = text("mn", 24, 40);
    private static final DataField FR = text("fr", 64, 8);
    private static final DataField MDTS = number("mdts", 77, 1);
    private static final DataField RTD3E = number("rtd3e", 88, 4);
    private static final DataField OAES = number("oaes", 92, 4);
    private static final DataField CNTRLTYPE = number("cntrltype", 111, 1);
    private static final DataField OACS = number("oacs", 256, 2);
    private static final DataField AERL = number("aerl", 259, 1);
    private static final DataField ELPE = number("elpe", 262, 1);
    private static final DataField SQES = number("sqes", 512, 1);
    private static final DataField CQES = number("cqes", 513, 1);
    private static final DataField NN = number("nn", 516, 4);
    private static final DataField ONCS = number("oncs", 520, 2);
    private static final DataField VWC = number("vwc", 525, 1);

    /// In the order of their bytes.
    static final List<DataField> FIELDS =
            List.of(
                    number("vid", 0, 2),
                    number("ssvid", 2, 2),
                    SN,
                    MN,
                    FR,
                    number("rab", 72, 1),
                    number("ieee", 73, 3),
                    number("cmic", 76, 1),
                    MDTS,
                    number("cntlid", 78, 2),
                    number("ver", 80, 4),
                    number("rtd3r", 84, 4),
                    RTD3E,
                    OAES,
                    number("ctratt", 96, 4),
                    number("rrls", 100, 2),
                    CNTRLTYPE,
                    hex("fguid", 112, 16),
                    number("crdt1", 128, 2),
                    number("crdt2", 130, 2),
                    number("crdt3", 132, 2),
                    number("nvmsr", 253, 1),
                    number("vwci", 254, 1),
                    number("mec", 255, 1),
                    OACS,
                    number("acl", 258, 1),
                    AERL,
                    number("frmw", 260, 1),
                    number("lpa", 261, 1),
                    ELPE,
                    number("npss", 263, 1),
                    number("avscc", 264, 1),
                    number("apsta", 265, 1),
                    number("wctemp", 266, 2),
                    number("cctemp", 268, 2),
                    number("mtfa", 270, 2),
                    number("hmpre", 272, 4),
                    number("hmmin", 276, 4),
                    number("tnvmcap", 280, 16),
                    number("unvmcap", 296, 16),
                    number("rpmbs", 312, 4),
                    number("edstt", 316, 2),
                    number("dsto", 318, 1),
                    number("fwug", 319, 1),
                    number("kas", 320, 2),
                    number("hctma", 322, 2),
                    number("mntmt", 324, 2),
                    number("mxtmt", 326, 2),
                    number("sanicap", 328, 4),
                    number("hmminds", 332, 4),
                    number("hmmaxd", 336, 2),
                    number("nsetidmax", 338, 2),
                    number("endgidmax", 340, 2),
                    number("anatt", 342, 1),
                    number("anacap", 343, 1),
                    number("anagrpmax", 344, 4),
                    number("nanagrpid", 348, 4),
                    number("pels", 352, 4),
                    number("domainid", 356, 2),
                    number("megcap", 368, 16),
                    SQES,
                    CQES,
                    number("maxcmd", 514, 2),
                    NN,
                    ONCS,
                    number("fuses", 522, 2),
                    number("fna", 524, 1),
                    VWC,
                    number("awun", 526, 2),
                    number("awupf", 528, 2),
                    number("icsvscc", 530, 1),
                    number("nwpc", 531, 1),
                    number("acwu", 532, 2),
                    number("ocfs", 534, 2),
                    number("sgls", 536, 4),
                    number("mnan", 540, 4),
                    text("subnqn", 768, 256));

    /// The 4096 bytes.
    byte[] bytes() {
        return data.toArray(ValueLayout.JAVA_BYTE);
    }

    /// Serial Number.
    String serial() {
        return SN.getText(data);
    }

    /// Model Number.
    String model() {
        return MN.getText(data);
    }

    /// Firmware Revision.
    String firmware() {
        return FR.getText(data);
    }

    /// Maximum Data Transfer Size: a power of two of CAP.MPSMIN pages, 0 for no limit.
    int mdts() {
        return MDTS.getInt(data);
    }

    /// RTD3 Entry Latency in microseconds, 0 where not reported.
    long shutdownMicros() {
        return RTD3E.get(data);
    }

    /// Optional Asynchronous Events Supported, laid out like the feature that enables them.
    int optionalEvents() {
        return OAES.getInt(data);
    }

    /// Controller Type: 0 not reported, 1 I/O, 2 discovery, 3 administrative.
    int controllerType() {
        return CNTRLTYPE.getInt(data);
    }

    /// Optional Admin Command Support, bit 8.
    boolean supportsShadowDoorbells() {
        return (OACS.getInt(data) & 1 << 8) != 0;
    }

    /// Asynchronous Event Request Limit.
    int maxEventRequests() {
        return AERL.getInt(data) + 1;
    }

    /// Error Log Page Entries.
    int errorLogEntries() {
        return ELPE.getInt(data) + 1;
    }

    /// Whether queue entries of 64 and 16 bytes are among those required to maximum.
    boolean takesStandardEntries() {
        int sqes = SQES.getInt(data);
        int cqes = CQES.getInt(data);
        return (sqes & 0xF) <= SubmissionEntry.SIZE_SHIFT
                && sqes >>> 4 >= SubmissionEntry.SIZE_SHIFT
                && (cqes & 0xF) <= CompletionEntry.SIZE_SHIFT
                && cqes >>> 4 >= CompletionEntry.SIZE_SHIFT;
    }

    /// Checks that this driver can drive such a controller.
    ///
    /// @param name the controller's
    /// @param before what it said of itself before a reset, null if there was none
    /// @throws DeviceException if it cannot, or if it is another than before
    void check(String name, @Nullable IdentifyController before) {
        if (before != null
                && !(before.serial().equals(serial()) && before.model().equals(model()))) {
            throw new DeviceException(
                    "%s: is now %s %s, was %s %s"
                            .formatted(name, model(), serial(), before.model(), before.serial()));
        }
        if (controllerType() > 1) {
            throw new DeviceException(
                    name + ": no I/O controller (CNTRLTYPE=" + controllerType() + ")");
        }
        if (!takesStandardEntries()) {
            throw new DeviceException(
                    "%s: no queue entries of 64 and 16 bytes (SQES=%02x CQES=%02x)"
                            .formatted(name, SQES.getInt(data), CQES.getInt(data)));
        }
    }

    /// Number of Namespaces: the highest namespace identifier.
    long maxNamespace() {
        return NN.get(data);
    }

    /// Optional NVM Command Support, bit 0.
    boolean supportsCompare() {
        return (ONCS.getInt(data) & 1) != 0;
    }

    /// Optional NVM Command Support, bit 2.
    boolean supportsDeallocate() {
        return (ONCS.getInt(data) & 1 << 2) != 0;
    }

    /// Optional NVM Command Support, bit 3.
    boolean supportsWriteZeroes() {
        return (ONCS.getInt(data) & 1 << 3) != 0;
    }

    /// Volatile Write Cache, bit 0.
    boolean hasVolatileCache() {
        return (VWC.getInt(data) & 1) != 0;
    }

    /// All fields under the names that nvme-cli prints.
    Map<String, Object> document() {
        return DataField.document(FIELDS, data);
    }
}
