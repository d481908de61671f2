package helix.driver.block.nvme;

import static helix.driver.block.nvme.DataField.hex;
import static helix.driver.block.nvme.DataField.number;

import helix.registers.Bits;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Identify Namespace data structure, CNS 00h, of the NVM command set. NVM 1.0, section 4.1.5.1.
///
/// @param data the 4096 bytes
record IdentifyNamespace(MemorySegment data) {
    private static final DataField NSZE = number("nsze", 0, 8);
    private static final DataField NLBAF = number("nlbaf", 25, 1);
    private static final DataField FLBAS = number("flbas", 26, 1);
    private static final DataField DPS = number("dps", 29, 1);
    private static final DataField NGUID = hex("nguid", 104, 16);
    private static final DataField EUI64 = hex("eui64", 120, 8);

    /// In the order of their bytes.
    static final List<DataField> FIELDS =
            List.of(
                    NSZE,
                    number("ncap", 8, 8),
                    number("nuse", 16, 8),
                    number("nsfeat", 24, 1),
                    NLBAF,
                    FLBAS,
                    number("mc", 27, 1),
                    number("dpc", 28, 1),
                    DPS,
                    number("nmic", 30, 1),
                    number("rescap", 31, 1),
                    number("fpi", 32, 1),
                    number("dlfeat", 33, 1),
                    number("nawun", 34, 2),
                    number("nawupf", 36, 2),
                    number("nacwu", 38, 2),
                    number("nabsn", 40, 2),
                    number("nabo", 42, 2),
                    number("nabspf", 44, 2),
                    number("noiob", 46, 2),
                    number("nvmcap", 48, 16),
                    number("npwg", 64, 2),
                    number("npwa", 66, 2),
                    number("npdg", 68, 2),
                    number("npda", 70, 2),
                    number("nows", 72, 2),
                    number("mssrl", 74, 2),
                    number("mcl", 76, 4),
                    number("msrc", 80, 1),
                    number("anagrpid", 92, 4),
                    number("nsattr", 99, 1),
                    number("nvmsetid", 100, 2),
                    number("endgid", 102, 2),
                    NGUID,
                    EUI64);

    /// The first LBA format; each has 4 bytes.
    static final int LBAF_OFFSET = 128;

    /// LBA format: Metadata Size in bytes.
    static final Bits MS = Bits.of(15, 0);

    /// LBA format: LBA Data Size as a power of two.
    static final Bits LBADS = Bits.of(23, 16);

    /// LBA format: Relative Performance.
    static final Bits RP = Bits.of(25, 24);

    private static final int FORMATS = 64;
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Namespace Size in blocks.
    long blocks() {
        return NSZE.get(data);
    }

    /// How many LBA formats there are.
    int formats() {
        return Math.min(NLBAF.getInt(data) + 1, FORMATS);
    }

    /// The index of the format in use: FLBAS bits 3:0, and 6:5 above them.
    int format() {
        int flbas = FLBAS.getInt(data);
        return formats() <= 16 ? flbas & 0xF : (flbas & 0xF) | (flbas >>> 1 & 0x30);
    }

    private int lbaFormat(int index) {
        return data.get(INT, LBAF_OFFSET + 4L * index);
    }

    /// The size of a block as a power of two.
    int blockShift() {
        return LBADS.get(lbaFormat(format()));
    }

    /// Bytes of metadata with each block.
    int metadataBytes() {
        return MS.get(lbaFormat(format()));
    }

    /// The type of end-to-end protection in use, 0 for none.
    int protectionType() {
        return DPS.getInt(data) & 7;
    }

    /// NGUID, else EUI-64, else nothing.
    String uniqueId() {
        String nguid = NGUID.getHex(data);
        if (!isZero(nguid)) {
            return nguid;
        }
        String eui64 = EUI64.getHex(data);
        return isZero(eui64) ? "" : eui64;
    }

    private static boolean isZero(String hex) {
        return hex.chars().allMatch(c -> c == '0');
    }

    /// All fields under the names that nvme-cli prints.
    Map<String, Object> document() {
        Map<String, Object> document = new LinkedHashMap<>(DataField.document(FIELDS, data));
        List<Map<String, Object>> formats = new ArrayList<>();
        for (int i = 0; i < formats(); i++) {
            int format = lbaFormat(i);
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("ms", (long) MS.get(format));
            entry.put("lbads", (long) LBADS.get(format));
            entry.put("rp", (long) RP.get(format));
            formats.add(entry);
        }
        document.put("lbafs", formats);
        return document;
    }
}
