package helix.net.capture.internal;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Writes a pcapng file with one interface: draft-ietf-opsawg-pcapng, little endian.
final class PcapngWriter implements Closeable {
    private static final int SECTION_HEADER = 0x0A0D_0D0A;
    private static final int BYTE_ORDER = 0x1A2B_3C4D;
    private static final int INTERFACE = 1;
    private static final int STATISTICS = 5;
    private static final int ENHANCED_PACKET = 6;
    private static final int ETHERNET = 1;

    private static final int OPTION_END = 0;
    private static final int SHB_USERAPPL = 4;
    private static final int IF_NAME = 2;
    private static final int IF_MACADDR = 6;
    private static final int IF_TSRESOL = 9;
    private static final int EPB_FLAGS = 2;
    private static final int ISB_IFRECV = 4;
    private static final int ISB_IFDROP = 5;

    private static final int NANOSECONDS = 9;
    private static final int INBOUND = 1;
    private static final int OUTBOUND = 2;
    private static final int BUFFER = 256 * 1024;

    private final FileChannel file;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER).order(ByteOrder.LITTLE_ENDIAN);
    private int blockBegin;

    PcapngWriter(Path path, String name, long mac, int snapLength) throws IOException {
        file =
                FileChannel.open(
                        path,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE);
        begin(SECTION_HEADER);
        buffer.putInt(BYTE_ORDER).putShort((short) 1).putShort((short) 0).putLong(-1);
        option(SHB_USERAPPL, "helix".getBytes(StandardCharsets.UTF_8));
        option(OPTION_END, new byte[0]);
        end();
        begin(INTERFACE);
        buffer.putShort((short) ETHERNET).putShort((short) 0).putInt(snapLength);
        option(IF_NAME, name.getBytes(StandardCharsets.UTF_8));
        byte[] address = new byte[6];
        for (int i = 0; i < address.length; i++) {
            address[i] = (byte) (mac >>> (8 * (5 - i)));
        }
        option(IF_MACADDR, address);
        option(IF_TSRESOL, new byte[] {NANOSECONDS});
        option(OPTION_END, new byte[0]);
        end();
        flush();
    }

    /// Writes a frame.
    void frame(boolean sent, long nanos, byte[] frame, int length) throws IOException {
        // A frame of 64 KiB, its block and the options behind it always fit an empty buffer.
        if (buffer.remaining() < frame.length + 64) {
            flush();
        }
        begin(ENHANCED_PACKET);
        buffer.putInt(0).putInt((int) (nanos >>> 32)).putInt((int) nanos);
        buffer.putInt(frame.length).putInt(length).put(frame);
        pad();
        option(EPB_FLAGS, number(sent ? OUTBOUND : INBOUND));
        option(OPTION_END, new byte[0]);
        end();
    }

    /// Writes how much there was.
    void statistics(long nanos, long received, long dropped) throws IOException {
        if (buffer.remaining() < 128) {
            flush();
        }
        begin(STATISTICS);
        buffer.putInt(0).putInt((int) (nanos >>> 32)).putInt((int) nanos);
        option(ISB_IFRECV, longNumber(received));
        option(ISB_IFDROP, longNumber(dropped));
        option(OPTION_END, new byte[0]);
        end();
    }

    private static byte[] number(int value) {
        return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
    }

    private static byte[] longNumber(long value) {
        return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    }

    private void begin(int type) {
        blockBegin = buffer.position();
        buffer.putInt(type).putInt(0);
    }

    private void end() {
        int length = buffer.position() + 4 - blockBegin;
        buffer.putInt(length);
        buffer.putInt(blockBegin + 4, length);
    }

    private void option(int code, byte[] value) {
        buffer.putShort((short) code).putShort((short) value.length).put(value);
        pad();
    }

    private void pad() {
        while ((buffer.position() - blockBegin) % 4 != 0) {
            buffer.put((byte) 0);
        }
    }

    /// Brings all to the file.
    void flush() throws IOException {
        buffer.flip();
        while (buffer.hasRemaining()) {
            int _ = file.write(buffer);
        }
        buffer.clear();
    }

    @Override
    public void close() throws IOException {
        try (file) {
            flush();
        }
    }
}
