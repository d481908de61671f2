package helix.block.nbd.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Mutations of what a client says. Nothing of it may hurt the server or other clients, and nothing
/// may be left behind.
final class FuzzTest {
    private static final int STREAMS = 10_000;
    private static final int THREADS = 4;
    private static final int SIZE = 1 << 20;

    @TempDir private Path folder;

    @Test
    @Timeout(120)
    void tenThousandMutatedStreamsLeaveNothingBehind() throws Exception {
        try (Rig rig = new Rig(folder, new TestDisk(SIZE), false)) {
            try (ExecutorService threads = Executors.newFixedThreadPool(THREADS);
                    Client witness = rig.go()) {
                List<Future<?>> running = new ArrayList<>();
                for (int t = 0; t < THREADS; t++) {
                    int first = t;
                    running.add(threads.submit((Callable<?>) () -> playAll(rig, first)));
                }
                for (Future<?> future : running) {
                    future.get();
                }
                assertThat(witness.read(0, 512)).hasSize(512);
            }
            rig.awaitNobody();
            assertThat(rig.export.statistics().requests()).isGreaterThan(STREAMS);
            assertThat(rig.export.statistics().violations()).isGreaterThan(STREAMS / 10);
        }
    }

    private static Void playAll(Rig rig, int first) throws IOException {
        for (int i = first; i < STREAMS; i += THREADS) {
            play(rig, i);
        }
        return null;
    }

    /// Says all without listening, hangs up on one side, and waits for the server to do so too.
    private static void play(Rig rig, int seed) throws IOException {
        Random random = new Random(seed);
        byte[] stream = mutate(random, stream(random));
        try (Client client = rig.connect()) {
            client.send(ByteBuffer.wrap(stream));
            client.channel.shutdownOutput();
            ByteBuffer replies = ByteBuffer.allocate(1 << 16);
            while (client.channel.read(replies) >= 0) {
                replies.clear();
            }
        } catch (java.net.SocketException e) {
            // The server hung up first, with something unread: reset, or broken pipe.
            assertThat(e).hasMessageMatching("(?i).*(reset|broken pipe).*");
        }
    }

    private static byte[] stream(Random random) {
        ByteBuffer out = ByteBuffer.allocate(64 << 10);
        out.putInt(random.nextInt(4));
        if (random.nextBoolean()) {
            out.put(Client.optionBytes(Client.STRUCTURED, new byte[0]));
            out.put(Client.optionBytes(Client.SET_META, Client.meta("nvme0n1", "base:allocation")));
        }
        if (random.nextInt(4) == 0) {
            out.put(Client.optionBytes(Client.LIST, new byte[0]));
            out.put(Client.optionBytes(Client.INFO, Client.named("nvme0n1", 1, 2, 3)));
        }
        out.put(Client.optionBytes(Client.GO, Client.named("nvme0n1", 3)));
        int requests = 1 + random.nextInt(12);
        for (int i = 0; i < requests; i++) {
            int type = random.nextInt(9);
            int length = type == Client.FLUSH ? 0 : 512 * (1 + random.nextInt(6));
            long offset = type == Client.FLUSH ? 0 : 512L * random.nextInt(SIZE / 512 - 6);
            if (type == Client.DISC && i < requests - 1) {
                continue;
            }
            int flags = random.nextInt(4) == 0 ? 1 : 0;
            out.put(Client.requestBytes(0x25609513, flags, type, i, offset, length));
            if (type == Client.WRITE) {
                out.put(new byte[length]);
            }
        }
        return Arrays.copyOf(out.array(), out.position());
    }

    private static byte[] mutate(Random random, byte[] stream) {
        byte[] bytes = stream;
        int mutations = random.nextInt(4);
        for (int i = 0; i < mutations && bytes.length > 1; i++) {
            int at = random.nextInt(bytes.length);
            switch (random.nextInt(5)) {
                case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> bytes[at] = (byte) (random.nextBoolean() ? 0xFF : random.nextInt());
                case 2 -> bytes = Arrays.copyOf(bytes, at);
                case 3 -> bytes = splice(bytes, at, Math.min(bytes.length, at + 8), 0);
                default -> bytes = splice(bytes, at, at, 1 + random.nextInt(40));
            }
        }
        return bytes;
    }

    /// Cuts a piece out and puts zeroes there.
    private static byte[] splice(byte[] bytes, int from, int to, int zeroes) {
        byte[] result = new byte[bytes.length - (to - from) + zeroes];
        System.arraycopy(bytes, 0, result, 0, from);
        System.arraycopy(bytes, to, result, from + zeroes, bytes.length - to);
        return result;
    }
}
