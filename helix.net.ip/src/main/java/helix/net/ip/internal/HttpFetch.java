package helix.net.ip.internal;

import helix.hal.api.Deadline;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Gets a file by HTTP, as HTTP/1.0 does it: one request, one answer, the end (RFC 9112 for the
/// form of the answer).
final class HttpFetch {
    private static final int MOST_HEAD = 16 * 1024;
    private static final Pattern STATUS = Pattern.compile("HTTP/1\\.[01] ([0-9]{3})( .*)?");
    private static final long CLOSE_MILLIS = 1_000;

    private final TcpClient tcp;
    private int status;

    HttpFetch(TcpClient tcp) {
        this.tcp = tcp;
    }

    int status() {
        return status;
    }

    /// @return how many bytes it has
    long fetch(String host, String path, WritableByteChannel target, Deadline deadline)
            throws IOException {
        if (!path.chars().allMatch(c -> c > ' ' && c < 127)) {
            throw new IOException("'" + path + "' is no path");
        }
        tcp.connect(deadline);
        try {
            String request =
                    "GET "
                            + path
                            + " HTTP/1.0\r\nHost: "
                            + host
                            + "\r\nUser-Agent: helix\r\nConnection: close\r\n\r\n";
            tcp.send(request.getBytes(StandardCharsets.US_ASCII), deadline);
            return answer(target, deadline);
        } finally {
            tcp.close(Deadline.afterMillis(CLOSE_MILLIS));
        }
    }

    private long answer(WritableByteChannel target, Deadline deadline) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        int end = -1;
        while (end < 0) {
            byte[] more = tcp.receive(deadline);
            if (more.length == 0) {
                throw new IOException("the answer ends within its head");
            }
            int from = Math.max(0, head.size() - 3);
            head.writeBytes(more);
            end = endOfHead(head.toByteArray(), from);
            if (end < 0 && head.size() > MOST_HEAD) {
                throw new IOException("the answer's head has more than " + MOST_HEAD + " bytes");
            }
        }
        byte[] all = head.toByteArray();
        long length = head(new String(all, 0, end, StandardCharsets.ISO_8859_1));
        byte[] body = java.util.Arrays.copyOfRange(all, end, all.length);
        long bytes = 0;
        while (true) {
            int useful = length < 0 ? body.length : (int) Math.min(body.length, length - bytes);
            for (ByteBuffer left = ByteBuffer.wrap(body, 0, useful); left.hasRemaining(); ) {
                int _ = target.write(left);
            }
            bytes += useful;
            if (bytes == length) {
                return bytes;
            }
            body = tcp.receive(deadline);
            if (body.length == 0) {
                if (length >= 0) {
                    throw new IOException("the answer ends after " + bytes + " of " + length);
                }
                return bytes;
            }
        }
    }

    /// @return where the body begins, -1 if that is not there yet
    private static int endOfHead(byte[] bytes, int from) {
        for (int i = from; i + 3 < bytes.length; i++) {
            if (bytes[i] == '\r'
                    && bytes[i + 1] == '\n'
                    && bytes[i + 2] == '\r'
                    && bytes[i + 3] == '\n') {
                return i + 4;
            }
        }
        return -1;
    }

    /// @return the body's length, -1 if it is not said
    private long head(String head) throws IOException {
        String[] lines = head.split("\r\n", -1);
        Matcher line = STATUS.matcher(lines[0]);
        if (!line.matches()) {
            throw new IOException("not an answer of HTTP: '" + shown(lines[0]) + "'");
        }
        status = Integer.parseInt(line.group(1));
        long length = -1;
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            String name = colon < 0 ? "" : lines[i].substring(0, colon).toLowerCase(Locale.ROOT);
            String value = lines[i].substring(colon + 1).strip();
            if (name.equals("content-length")) {
                if (!value.matches("[0-9]{1,18}")) {
                    throw new IOException("Content-Length '" + shown(value) + "'");
                }
                length = Long.parseLong(value);
            } else if (name.equals("transfer-encoding")) {
                throw new IOException("Transfer-Encoding '" + shown(value) + "' in HTTP/1.0");
            }
        }
        return length;
    }

    private static String shown(String text) {
        String some = text.substring(0, Math.min(60, text.length()));
        return some.replaceAll("[^ -~]", "?");
    }
}
