package helix.driver.block.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/// Namespace Identification Descriptor list, CNS 03h. Base 2.0, section 5.17.2.3.
///
/// Each descriptor is: type (1 byte), length (1), reserved (2), identifier. A length of 0 ends the
/// list.
///
/// @param commandSet the command set identifier, 0 (NVM) where none is reported
/// @param uuid the UUID in hex, empty where none is reported
record NamespaceDescriptors(int commandSet, String uuid) {
    private static final int UUID = 0x03;
    private static final int CSI = 0x04;
    private static final int HEADER = 4;

    static NamespaceDescriptors of(MemorySegment data) {
        int commandSet = 0;
        String uuid = "";
        long at = 0;
        while (at + HEADER < data.byteSize()) {
            int type = data.get(ValueLayout.JAVA_BYTE, at) & 0xFF;
            int length = data.get(ValueLayout.JAVA_BYTE, at + 1) & 0xFF;
            if (length == 0 || at + HEADER + length > data.byteSize()) {
                break;
            }
            MemorySegment id = data.asSlice(at + HEADER, length);
            if (type == CSI) {
                commandSet = id.get(ValueLayout.JAVA_BYTE, 0) & 0xFF;
            } else if (type == UUID) {
                uuid = HexFormat.of().formatHex(id.toArray(ValueLayout.JAVA_BYTE));
            }
            at += HEADER + length;
        }
        return new NamespaceDescriptors(commandSet, uuid);
    }

    /// What a command set is called. NVM Express 2.0 base, section 1.5.
    static String commandSetName(int commandSet) {
        return switch (commandSet) {
            case 0 -> "NVM";
            case 1 -> "key value";
            case 2 -> "zoned namespaces";
            default -> "unknown";
        };
    }
}
