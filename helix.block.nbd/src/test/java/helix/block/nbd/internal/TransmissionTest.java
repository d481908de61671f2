package helix.block.nbd.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import helix.block.nbd.internal.Client.Reply;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Requests, replies and errors of one client.
@Timeout(30)
final class TransmissionTest {
    private static final int SIZE = 40 << 20;
    private static final int SMALL = 2 << 20;

    @TempDir private Path folder;
    private Rig rig;

    private Rig rig(TestDisk disk, boolean readOnly) throws Exception {
        rig = new Rig(folder, disk, readOnly);
        return rig;
    }

    private Rig rig() throws Exception {
        return rig(new TestDisk(SIZE), false);
    }

    private Rig small() throws Exception {
        return rig(new TestDisk(SMALL), false);
    }

    @AfterEach
    void close() {
        rig.close();
    }

    private static byte[] random(int bytes) {
        byte[] data = new byte[bytes];
        new Random(bytes).nextBytes(data);
        return data;
    }

    private static byte[] filled(int bytes, int value) {
        byte[] data = new byte[bytes];
        Arrays.fill(data, (byte) value);
        return data;
    }

    private byte[] contents(long offset, long length) {
        return rig.disk.contents().asSlice(offset, length).toArray(JAVA_BYTE);
    }

    @ParameterizedTest
    @ValueSource(ints = {512, 4096, 128 << 10, (128 << 10) + 512, 3 << 20, 32 << 20})
    void whatIsWrittenIsReadWithSimpleReplies(int bytes) throws Exception {
        byte[] data = random(bytes);
        try (Client client = rig().go()) {
            long cookie = client.write(0, 1024, data);
            Reply reply = client.reply(0);
            assertThat(reply.error()).isZero();
            assertThat(reply.cookie()).isEqualTo(cookie);
            assertThat(contents(1024, bytes)).isEqualTo(data);
            assertThat(client.read(1024, bytes)).isEqualTo(data);
        }
        assertThat(rig.export.statistics().bytesWritten()).isEqualTo(bytes);
        assertThat(rig.export.statistics().bytesRead()).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(ints = {512, 4096, 3 << 20, 32 << 20})
    void readsAreChunksWithStructuredReplies(int bytes) throws Exception {
        byte[] data = random(bytes);
        rig();
        MemorySegment.copy(data, 0, rig.disk.contents(), JAVA_BYTE, 512, bytes);
        try (Client client = rig.goStructured()) {
            for (int flags : new int[] {0, Nbd.CMD_FLAG_DF, Nbd.CMD_FLAG_FUA}) {
                long cookie = client.request(Client.READ, flags, 512, bytes);
                Reply reply = client.reply(0);
                assertThat(reply.cookie()).isEqualTo(cookie);
                assertThat(reply.type()).isEqualTo(1);
                assertThat(ByteBuffer.wrap(reply.data()).getLong()).isEqualTo(512);
                assertThat(Arrays.copyOfRange(reply.data(), 8, reply.data().length))
                        .isEqualTo(data);
            }
        }
    }

    @Test
    void aPayloadThatComesInPiecesIsOne() throws Exception {
        byte[] data = random(8192);
        try (Client client = small().go()) {
            long cookie = client.request(Client.WRITE, 0, 0, data.length);
            for (int at = 0; at < data.length; at += 1000) {
                int length = Math.min(1000, data.length - at);
                client.send(ByteBuffer.wrap(data, at, length));
            }
            assertThat(client.reply(0).cookie()).isEqualTo(cookie);
        }
        assertThat(contents(0, data.length)).isEqualTo(data);
    }

    @Test
    void everythingInOneSendIsTakenApart() throws Exception {
        byte[] data = random(2048);
        try (Client client = small().go()) {
            ByteBuffer all = ByteBuffer.allocate(1 << 20);
            for (int i = 0; i < 50; i++) {
                all.put(Client.requestBytes(0x25609513, 0, Client.READ, i, 0, 512));
                all.put(
                        Client.requestBytes(
                                0x25609513, 0, Client.WRITE, 100 + i, 4096 + i * 2048, 2048));
                all.put(data);
                all.put(Client.requestBytes(0x25609513, 0, Client.FLUSH, 200 + i, 0, 0));
            }
            client.send(all.flip());
            Set<Long> cookies = new java.util.HashSet<>();
            for (int i = 0; i < 150; i++) {
                // A read's reply is longer; which one comes is not known before.
                ByteBuffer head = client.receive(16);
                assertThat(head.getInt()).isEqualTo(0x67446698);
                assertThat(head.getInt()).isZero();
                long cookie = head.getLong();
                cookies.add(cookie);
                if (cookie < 100) {
                    client.receive(512);
                }
            }
            assertThat(cookies).hasSize(150);
        }
        for (int i = 0; i < 50; i++) {
            assertThat(contents(4096 + i * 2048L, 2048)).isEqualTo(data);
        }
    }

    @Test
    void aClientThatReadsNoRepliesUntilAllIsSentIsServed() throws Exception {
        try (Client client = small().go()) {
            // As many as sockets and server hold together; with more such a client blocks itself.
            for (int i = 0; i < 300; i++) {
                client.request(Client.FLUSH, 0, 0, 0);
            }
            for (int i = 0; i < 300; i++) {
                assertThat(client.reply(0).error()).isZero();
            }
        }
    }

    @Test
    void trimZeroesAndFlushReachTheDisk() throws Exception {
        try (Client client = rig().go()) {
            rig.disk.contents().fill((byte) 7);
            client.request(Client.TRIM, 0, 0, 3 << 20);
            assertThat(client.reply(0).error()).isZero();
            client.request(Client.WRITE_ZEROES, Nbd.CMD_FLAG_NO_HOLE, 4 << 20, 33 << 20);
            assertThat(client.reply(0).error()).isZero();
            assertThat(rig.disk.flushes).isZero();
            client.request(Client.FLUSH, 0, 0, 0);
            assertThat(client.reply(0).error()).isZero();
            assertThat(rig.disk.flushes).isEqualTo(1);
            assertThat(contents(0, 3 << 20)).isEqualTo(filled(3 << 20, 0));
            assertThat(contents(3 << 20, 1 << 20)).isEqualTo(filled(1 << 20, 7));
            assertThat(contents(4 << 20, 33 << 20)).isEqualTo(filled(33 << 20, 0));
            assertThat(contents(37 << 20, 1 << 20)).isEqualTo(filled(1 << 20, 7));
        }
    }

    @Test
    void forcedWritesSurviveAPowerCut() throws Exception {
        byte[] data = random(200 << 10);
        try (Client client = small().go()) {
            client.write(Client.FUA, 0, data);
            assertThat(client.reply(0).error()).isZero();
            assertThat(rig.disk.writeFlags).isEqualTo(BlockOp.FUA);
            assertThat(rig.disk.flushes).isZero();
            rig.disk.device.powerCut();
            assertThat(contents(0, data.length)).isEqualTo(data);
            client.request(Client.WRITE_ZEROES, Client.FUA, 0, 4096);
            assertThat(client.reply(0).error()).isZero();
            rig.disk.device.powerCut();
            assertThat(contents(0, 4096)).containsOnly(0);
        }
    }

    @Test
    void whereADiskForcesNothingAFlushDoes() throws Exception {
        byte[] data = random(200 << 10);
        try (Client client = rig(new TestDisk(512, SMALL, false), false).go()) {
            client.write(Client.FUA, 0, data);
            assertThat(client.reply(0).error()).isZero();
            assertThat(rig.disk.writeFlags).isZero();
            assertThat(rig.disk.flushes).isEqualTo(1);
            rig.disk.device.powerCut();
            assertThat(contents(0, data.length)).isEqualTo(data);
        }
    }

    @Test
    void whatADiskCannotIsNotOfferedAndRefused() throws Exception {
        TestDisk disk = new TestDisk(512, SMALL, true, Set.of());
        try (Client client = rig(disk, false).connect()) {
            client.greet(3);
            short flags = client.option(Client.GO, Client.named("")).get(0).data().getShort(10);
            assertThat(flags & (1 << 5 | 1 << 6)).isZero();
            client.request(Client.TRIM, 0, 0, 512);
            assertThat(client.reply(0).error()).isEqualTo(Nbd.EINVAL);
            client.request(Client.FLUSH, 0, 0, 0);
            assertThat(client.reply(0).error()).isZero();
        }
    }

    @Test
    void blocksAreAllocatedForAllOneKnows() throws Exception {
        try (Client client = rig().goStructured()) {
            long cookie = client.request(Client.BLOCK_STATUS, 8, 512, SIZE - 512);
            Reply reply = client.reply(0);
            assertThat(reply.cookie()).isEqualTo(cookie);
            assertThat(reply.type()).isEqualTo(5);
            ByteBuffer data = ByteBuffer.wrap(reply.data());
            assertThat(data.remaining()).isEqualTo(12);
            assertThat(data.getInt()).isEqualTo(1);
            assertThat(data.getInt()).isEqualTo(SIZE - 512);
            assertThat(data.getInt()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({
        // type, flags, offset, length, error
        "0, 0, 0, 0, 22",
        "0, 0, 1, 512, 22",
        "0, 0, 0, 511, 22",
        "0, 0, 2097152, 512, 22",
        "0, 0, 2096640, 1024, 22",
        "0, 0, -512, 1024, 22",
        "0, 0, 9223372036854775296, 512, 22",
        "0, 0, 0, 33554944, 22",
        "0, 0, 0, -512, 22",
        "0, 16, 0, 512, 22",
        "0, 2, 0, 512, 22",
        "3, 0, 512, 0, 22",
        "3, 0, 0, 512, 22",
        "4, 0, 2096640, 1024, 22",
        "4, 0, 1, 512, 22",
        "4, 2, 0, 512, 22",
        "5, 0, 0, 512, 22",
        "6, 16, 0, 512, 22",
        "6, 0, 2096640, 1024, 28",
        "7, 0, 0, 0, 22",
        "7, 0, 2096640, 1024, 22",
        "8, 0, 0, 512, 22",
        "65535, 0, 0, 512, 22"
    })
    void wrongRequestsAreAnsweredWithAnError(
            int type, int flags, long offset, int length, int error) throws Exception {
        try (Client simple = small().go();
                Client structured = rig.goStructured()) {
            for (Client client : new Client[] {simple, structured}) {
                long cookie = client.request(type, flags, offset, length);
                Reply reply = client.reply(0);
                assertThat(reply.cookie()).isEqualTo(cookie);
                assertThat(reply.error()).isEqualTo(error);
                client.write(0, 0, new byte[512]);
                assertThat(client.reply(0).error()).isZero();
            }
            assertThat(rig.export.statistics().errors()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, 512, 22",
        "0, 100000, 22",
        "0, 0, 22",
        "2097152, 33554432, 28",
        "-512, 512, 28"
    })
    void thePayloadOfAWrongWriteIsReadOver(long offset, int length, int error) throws Exception {
        try (Client client = small().go()) {
            client.write(0, offset, random(length));
            assertThat(client.reply(0).error()).isEqualTo(error);
            assertThat(client.read(0, 512)).containsOnly(0);
        }
    }

    @Test
    void aReadOnlyExportIsReadOnly() throws Exception {
        rig(new TestDisk(SMALL), true);
        assertThat(rig.disk.users.getFirst().mode()).isEqualTo(helix.block.api.Disk.OpenMode.READ);
        try (Client client = rig.connect()) {
            client.greet(3);
            short flags = client.option(Client.GO, Client.named("")).get(0).data().getShort(10);
            assertThat(flags & 0x1FF).isEqualTo(0x10F);
            client.write(0, 0, random(4096));
            assertThat(client.reply(0).error()).isEqualTo(Nbd.EPERM);
            client.request(Client.TRIM, 0, 0, 512);
            assertThat(client.reply(0).error()).isEqualTo(Nbd.EPERM);
            client.request(Client.WRITE_ZEROES, 0, 0, 512);
            assertThat(client.reply(0).error()).isEqualTo(Nbd.EPERM);
            assertThat(client.read(0, 4096)).containsOnly(0);
            client.request(Client.FLUSH, 0, 0, 0);
            assertThat(client.reply(0).error()).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({
        BlockStatus.MEDIA_ERROR + ", 5",
        BlockStatus.IO_ERROR + ", 5",
        BlockStatus.TIMED_OUT + ", 5",
        BlockStatus.OUTCOME_UNKNOWN + ", 5",
        BlockStatus.GENERATION_GONE + ", 5",
        BlockStatus.OUT_OF_RANGE + ", 22",
        BlockStatus.UNSUPPORTED + ", 95",
        BlockStatus.READ_ONLY + ", 1",
        BlockStatus.NO_SPACE + ", 28",
        BlockStatus.DEVICE_GONE + ", 108"
    })
    void failuresOfTheDiskAreToldAndTheNextRequestIsServed(int status, int error) throws Exception {
        try (Client simple = small().go();
                Client structured = rig.goStructured()) {
            for (Client client : new Client[] {simple, structured}) {
                rig.disk.failure = status;
                // In many parts: one error is told, once.
                client.request(Client.READ, 0, 0, 1 << 20);
                assertThat(client.reply(0).error()).isEqualTo(error);
                client.write(Client.FUA, 0, random(4096));
                assertThat(client.reply(0).error()).isEqualTo(error);
                client.request(Client.FLUSH, 0, 0, 0);
                assertThat(client.reply(0).error()).isEqualTo(error);
                rig.disk.failure = 0;
                client.write(0, 0, random(4096));
                assertThat(client.reply(0).error()).isZero();
            }
        }
    }

    @Test
    void aDiskOfLargeBlocksTakesLargeBlocks() throws Exception {
        try (Client client = rig(new TestDisk(4096, SMALL, true), false).go()) {
            client.request(Client.READ, 0, 512, 4096);
            assertThat(client.reply(0).error()).isEqualTo(Nbd.EINVAL);
            byte[] data = random(8192);
            client.write(0, 4096, data);
            assertThat(client.reply(0).error()).isZero();
            assertThat(client.read(4096, 8192)).isEqualTo(data);
        }
    }

    @Test
    void whoDisconnectsGetsWhatIsInFlightFirst() throws Exception {
        byte[] data = random(64 << 10);
        try (Client client = small().go()) {
            for (int i = 0; i < 20; i++) {
                client.write(0, i * (64L << 10), data);
            }
            client.request(Client.DISC, 0, 0, 0);
            for (int i = 0; i < 20; i++) {
                assertThat(client.reply(0).error()).isZero();
            }
            assertThat(client.isCutOff()).isTrue();
        }
        assertThat(rig.export.statistics().violations()).isZero();
    }

    @Test
    void aRequestWithoutItsMagicEndsTheConnection() throws Exception {
        try (Client client = small().go();
                Client other = rig.go()) {
            client.send(Client.requestBytes(0x25609514, 0, Client.READ, 1, 0, 512));
            assertThat(client.isCutOff()).isTrue();
            Rig.await("counted", () -> rig.export.statistics().violations() == 1);
            assertThat(other.read(0, 512)).containsOnly(0);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {(32 << 20) + 1, Integer.MAX_VALUE, -1})
    void aWriteOverTheMaximumEndsTheConnection(int length) throws Exception {
        try (Client client = small().go()) {
            client.request(Client.WRITE, 0, 0, length);
            assertThat(client.isCutOff()).isTrue();
        }
    }
}
