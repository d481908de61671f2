package helix.net.capture.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Monitor;
import helix.net.api.capture.PacketCapture.Capture;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CaptureTest {
    private static final long TIME = 1_700_000_000_123_456_789L;

    @TempDir private Path folder;

    private @Nullable Monitor monitor;
    private final FileCaptures captures = new FileCaptures();
    private final NetworkInterface face =
            (NetworkInterface)
                    Proxy.newProxyInstance(
                            NetworkInterface.class.getClassLoader(),
                            new Class<?>[] {NetworkInterface.class},
                            (proxy, method, arguments) ->
                                    switch (method.getName()) {
                                        case "name" -> "net0";
                                        case "macAddress" -> 0x525400123456L;
                                        case "monitor" -> {
                                            monitor = (Monitor) arguments[0];
                                            yield (AutoCloseable) () -> monitor = null;
                                        }
                                        default ->
                                                throw new UnsupportedOperationException(
                                                        method.getName());
                                    });

    /// A block of a pcapng file.
    private record Block(int type, ByteBuffer body) {
        Map<Integer, byte[]> options(int from) {
            Map<Integer, byte[]> options = new TreeMap<>();
            ByteBuffer in = body.duplicate().order(ByteOrder.LITTLE_ENDIAN).position(from);
            while (in.hasRemaining()) {
                int code = in.getShort();
                byte[] value = new byte[in.getShort()];
                in.get(value);
                in.position(Math.min(in.limit(), (in.position() + 3) / 4 * 4));
                if (code == 0) {
                    break;
                }
                options.put(code, value);
            }
            return options;
        }
    }

    private static List<Block> read(Path file) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        List<Block> blocks = new ArrayList<>();
        while (in.hasRemaining()) {
            int type = in.getInt();
            int length = in.getInt();
            assertThat(length % 4).isZero();
            ByteBuffer body = in.slice(in.position(), length - 12).order(ByteOrder.LITTLE_ENDIAN);
            in.position(in.position() + length - 12);
            assertThat(in.getInt()).isEqualTo(length);
            blocks.add(new Block(type, body));
        }
        return blocks;
    }

    private void show(boolean sent, long nanos, byte[] frame, int pieces) {
        MemorySegment memory = MemorySegment.ofArray(frame);
        Monitor now = Objects.requireNonNull(monitor);
        int at = 0;
        for (int i = 0; i < pieces; i++) {
            int length = i == pieces - 1 ? frame.length - at : frame.length / pieces;
            now.frame(sent, nanos, memory, at, length, i < pieces - 1);
            at += length;
        }
    }

    private static byte[] frame(int seed, int length) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        bytes[12] = (byte) 0x88;
        bytes[13] = (byte) 0xB5;
        return bytes;
    }

    @Test
    void writesWhatAnotherReads() throws Exception {
        Path file = folder.resolve("a.pcapng");
        Capture capture = captures.start(face, file, 0, 2);
        show(true, TIME, frame(1, 61), 1);
        show(false, TIME + 1, frame(2, 1514), 3);
        show(false, TIME + 2, frame(3, 60), 1);
        assertThat(capture.await(TimeUnit.SECONDS.toNanos(5))).isTrue();
        capture.close();
        assertThat(monitor).isNull();
        assertThat(captures.captures()).isEmpty();
        List<Block> blocks = read(file);
        assertThat(blocks.stream().map(Block::type)).containsExactly(0x0A0D0D0A, 1, 6, 6, 5);
        assertThat(blocks.getFirst().body.getInt(0)).isEqualTo(0x1A2B3C4D);
        Map<Integer, byte[]> options = blocks.get(1).options(8);
        assertThat(options.get(2)).isEqualTo("net0".getBytes(StandardCharsets.UTF_8));
        assertThat(options.get(9)).containsExactly(9);
        check(blocks.get(2), true, TIME, frame(1, 61), 61);
        check(blocks.get(3), false, TIME + 1, frame(2, 1514), 1514);
        assertThat(capture.counters().frames()).isEqualTo(2);
        assertThat(capture.counters().bytes()).isEqualTo(1575);
    }

    private static void check(Block block, boolean sent, long nanos, byte[] frame, int length) {
        ByteBuffer body = block.body;
        assertThat(body.getInt(0)).isZero();
        assertThat((long) body.getInt(4) << 32 | (body.getInt(8) & 0xFFFF_FFFFL)).isEqualTo(nanos);
        assertThat(body.getInt(12)).isEqualTo(frame.length);
        assertThat(body.getInt(16)).isEqualTo(length);
        byte[] read = new byte[frame.length];
        body.get(20, read);
        assertThat(read).isEqualTo(frame);
        byte[] flags = block.options(20 + (frame.length + 3) / 4 * 4).get(2);
        assertThat(flags).containsExactly(sent ? 2 : 1, 0, 0, 0);
    }

    @Test
    void cutsFrames() throws Exception {
        Path file = folder.resolve("b.pcapng");
        try (Capture _ = captures.start(face, file, 100, 0)) {
            show(true, TIME, frame(1, 1000), 4);
        }
        check(read(file).get(2), true, TIME, Arrays.copyOf(frame(1, 1000), 100), 1000);
    }

    @Test
    void refusesTwoCapturesIntoOneFile() throws Exception {
        Path file = folder.resolve("c.pcapng");
        try (Capture _ = captures.start(face, file, 0, 0)) {
            assertThatThrownBy(() -> captures.start(face, file, 0, 0))
                    .isInstanceOf(IOException.class);
        }
        captures.start(face, file, 0, 0).close();
        assertThatThrownBy(() -> captures.start(face, folder.resolve("no/c"), 0, 0))
                .isInstanceOf(IOException.class);
    }

    @Test
    void countsWhatFindsNoRoom() {
        FrameRing ring = new FrameRing(1000, 0);
        MemorySegment frame = MemorySegment.ofArray(frame(1, 300));
        assertThat(ring.put(true, 1, frame, 0, 300, false)).isTrue();
        assertThat(ring.put(true, 2, frame, 0, 300, false)).isTrue();
        assertThat(ring.put(true, 3, frame, 0, 300, true)).isFalse();
        assertThat(ring.put(true, 3, frame, 0, 300, false)).isFalse();
        assertThat(ring.put(true, 4, frame, 0, 300, false)).isTrue();
        assertThat(ring.dropped()).isEqualTo(1);
        List<Long> times = new ArrayList<>();
        int _ =
                ring.drain((sent, nanos, bytes, length) -> {
                    assertThat(bytes).isEqualTo(frame(1, 300));
                    times.add(nanos);
                });
        assertThat(times).containsExactly(1L, 2L, 4L);
    }

    @Test
    void keepsFramesAroundTheRingsEnd() {
        FrameRing ring = new FrameRing(4096, 0);
        Random random = new Random(5);
        for (int i = 0; i < 2000; i++) {
            byte[] bytes = frame(i, 60 + random.nextInt(900));
            assertThat(ring.put(false, i, MemorySegment.ofArray(bytes), 0, bytes.length, false))
                    .isTrue();
            int at = i;
            int some =
                    ring.drain((sent, nanos, read, length) -> {
                        assertThat(read).isEqualTo(bytes);
                        assertThat(nanos).isEqualTo(at);
                    });
            assertThat(some).isEqualTo(1);
        }
    }

    @Test
    void isReadByTcpdump() throws Exception {
        Path tcpdump = Path.of("/usr/bin/tcpdump");
        assumeThat(Files.isExecutable(tcpdump)).as("tcpdump is installed").isTrue();
        Path file = folder.resolve("d.pcapng");
        try (Capture _ = captures.start(face, file, 0, 0)) {
            for (int i = 0; i < 100; i++) {
                show(i % 2 == 0, TIME + i, frame(i, 60 + i), 1);
            }
        }
        Process process =
                new ProcessBuilder(tcpdump.toString(), "-r", file.toString(), "-n", "-e", "-tt")
                        .redirectError(folder.resolve("err").toFile())
                        .start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isZero();
        assertThat(text).contains("1700000000.123456").contains("length 159");
        assertThat(text.lines().filter(line -> line.startsWith("1700000000"))).hasSize(100);
    }
}
