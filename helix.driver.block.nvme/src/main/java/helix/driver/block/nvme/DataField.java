package helix.driver.block.nvme;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A field of a data structure that the controller returns, at the bytes that the specification
/// prints, under the name that nvme-cli prints.
///
/// @param name in lower case
/// @param offset the first byte
/// @param size in bytes
/// @param form what the bytes are
record DataField(String name, int offset, int size, Form form) {
    /// What the bytes of a field are.
    enum Form {
        /// A little-endian unsigned number.
        NUMBER,
        /// ASCII, padded with spaces or zeroes.
        TEXT,
        /// An identifier, printed in hex in the order of its bytes.
        HEX
    }

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static DataField number(String name, int offset, int size) {
        return new DataField(name, offset, size, Form.NUMBER);
    }

    static DataField text(String name, int offset, int size) {
        return new DataField(name, offset, size, Form.TEXT);
    }

    static DataField hex(String name, int offset, int size) {
        return new DataField(name, offset, size, Form.HEX);
    }

    /// A number of 1, 2, 4 or 8 bytes.
    long get(MemorySegment data) {
        return switch (size) {
            case 1 -> Byte.toUnsignedLong(data.get(ValueLayout.JAVA_BYTE, offset));
            case 2 -> Short.toUnsignedLong(data.get(SHORT, offset));
            case 4 -> Integer.toUnsignedLong(data.get(INT, offset));
            case 8 -> data.get(LONG, offset);
            default -> throw new IllegalStateException(name + " has " + size + " bytes");
        };
    }

    int getInt(MemorySegment data) {
        return (int) get(data);
    }

    /// A text without its padding; what is not printable is shown as `?`.
    String getText(MemorySegment data) {
        String text = new String(bytes(data), StandardCharsets.ISO_8859_1);
        int end = text.indexOf(0);
        return (end < 0 ? text : text.substring(0, end)).strip().replaceAll("[^\\x20-\\x7e]", "?");
    }

    String getHex(MemorySegment data) {
        return HexFormat.of().formatHex(bytes(data));
    }

    private byte[] bytes(MemorySegment data) {
        return data.asSlice(offset, size).toArray(ValueLayout.JAVA_BYTE);
    }

    /// The field as a document's value.
    Object value(MemorySegment data) {
        return switch (form) {
            case TEXT -> getText(data);
            case HEX -> getHex(data);
            case NUMBER -> {
                byte[] little = bytes(data);
                byte[] big = new byte[size];
                for (int i = 0; i < size; i++) {
                    big[i] = little[size - 1 - i];
                }
                BigInteger value = new BigInteger(1, big);
                yield value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
            }
        };
    }

    /// All fields as a document.
    static Map<String, Object> document(List<DataField> fields, MemorySegment data) {
        Map<String, Object> document = new LinkedHashMap<>();
        for (DataField field : fields) {
            document.put(field.name, field.value(data));
        }
        return document;
    }
}
