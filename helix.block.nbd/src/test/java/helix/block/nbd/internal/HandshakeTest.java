package helix.block.nbd.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.block.nbd.internal.Client.OptionReply;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What clients and the server say before the first request.
@Timeout(30)
final class HandshakeTest {
    private static final int SIZE = 1 << 20;
    private static final int FLAGS = 0x16D;
    private static final int ERR_UNSUP = 0x80000001;
    private static final int ERR_POLICY = 0x80000002;
    private static final int ERR_INVALID = 0x80000003;
    private static final int ERR_UNKNOWN = 0x80000006;
    private static final byte[] NOTHING = {};

    @TempDir private Path folder;
    private Rig rig;
    private Client client;

    @BeforeEach
    void connect() throws Exception {
        rig = new Rig(folder, new TestDisk(SIZE), false);
        client = rig.connect();
    }

    @AfterEach
    void close() throws Exception {
        client.close();
        rig.close();
    }

    private static List<Integer> types(List<OptionReply> replies) {
        return replies.stream().map(OptionReply::type).toList();
    }

    @Test
    void theGreetingOffersTheFixedNewStyleWithoutZeroes() throws Exception {
        assertThat(client.greet(3)).isEqualTo((short) 3);
    }

    @Test
    void goTellsSizeFlagsAndBlockSizes() throws Exception {
        client.greet(3);
        List<OptionReply> replies = client.option(Client.GO, Client.named("nvme0n1"));
        assertThat(types(replies)).containsExactly(3, 3, 1);
        ByteBuffer export = replies.get(0).data();
        assertThat(export.getShort()).isZero();
        assertThat(export.getLong()).isEqualTo(SIZE);
        assertThat(export.getShort()).isEqualTo((short) FLAGS);
        ByteBuffer blocks = replies.get(1).data();
        assertThat(blocks.getShort()).isEqualTo((short) 3);
        assertThat(blocks.getInt()).isEqualTo(512);
        assertThat(blocks.getInt()).isEqualTo(4096);
        assertThat(blocks.getInt()).isEqualTo(32 << 20);
        assertThat(client.read(0, 512)).containsOnly(0);
    }

    @Test
    void infoTellsTheSameAndMoreButDoesNotEndTheHandshake() throws Exception {
        client.greet(3);
        client.option(Client.STRUCTURED, NOTHING);
        List<OptionReply> replies = client.option(Client.INFO, Client.named("", 1, 2, 3, 99));
        assertThat(types(replies)).containsExactly(3, 3, 3, 3, 1);
        assertThat(replies.get(0).data().getShort(10)).isEqualTo((short) (FLAGS | 0x80));
        assertThat(replies.get(1).text()).endsWith("nvme0n1");
        assertThat(replies.get(2).text()).endsWith("nvme0n1: MEMORY, serial 0001");
        assertThat(types(client.option(Client.GO, Client.named("nvme0n1")))).endsWith(1);
    }

    @Test
    void exportNameIsFollowedByZeroesUnlessTheClientDoesWithout() throws Exception {
        client.greet(1);
        client.sendOption(Client.EXPORT_NAME, "nvme0n1".getBytes(StandardCharsets.UTF_8));
        ByteBuffer reply = client.receive(10 + 124);
        assertThat(reply.getLong()).isEqualTo(SIZE);
        assertThat(reply.getShort()).isEqualTo((short) FLAGS);
        assertThat(client.read(512, 512)).containsOnly(0);
        try (Client modern = rig.connect()) {
            modern.greet(3);
            modern.sendOption(Client.EXPORT_NAME, NOTHING);
            assertThat(modern.receive(10).getLong()).isEqualTo(SIZE);
            assertThat(modern.read(512, 512)).containsOnly(0);
        }
    }

    @Test
    void listNamesTheExport() throws Exception {
        client.greet(3);
        List<OptionReply> replies = client.option(Client.LIST, NOTHING);
        assertThat(types(replies)).containsExactly(2, 1);
        assertThat(replies.get(0).data().getInt(0)).isEqualTo(7);
        assertThat(replies.get(0).text()).contains("nvme0n1");
        assertThat(types(client.option(Client.LIST, new byte[1]))).containsExactly(ERR_INVALID);
    }

    @Test
    void abortIsAcknowledged() throws Exception {
        client.greet(3);
        assertThat(types(client.option(Client.ABORT, NOTHING))).containsExactly(1);
        assertThat(client.isCutOff()).isTrue();
    }

    @Test
    void whatIsNotThereIsRefusedAndTheHandshakeGoesOn() throws Exception {
        client.greet(3);
        assertThat(types(client.option(Client.STARTTLS, NOTHING))).containsExactly(ERR_POLICY);
        assertThat(types(client.option(4, NOTHING))).containsExactly(ERR_UNSUP);
        assertThat(types(client.option(11, NOTHING))).containsExactly(ERR_UNSUP);
        assertThat(types(client.option(0x7777, new byte[100]))).containsExactly(ERR_UNSUP);
        assertThat(types(client.option(Client.GO, Client.named("other"))))
                .containsExactly(ERR_UNKNOWN);
        assertThat(types(client.option(Client.INFO, Client.named("other"))))
                .containsExactly(ERR_UNKNOWN);
        assertThat(types(client.option(Client.STRUCTURED, new byte[1])))
                .containsExactly(ERR_INVALID);
        assertThat(types(client.option(Client.GO, Client.named("nvme0n1")))).endsWith(1);
    }

    @Test
    void malformedDataIsInvalid() throws Exception {
        client.greet(3);
        byte[] good = Client.named("nvme0n1", 1, 3);
        for (int length = 0; length < good.length; length++) {
            assertThat(types(client.option(Client.GO, Arrays.copyOf(good, length))))
                    .containsExactly(ERR_INVALID);
        }
        byte[] long0 = Arrays.copyOf(good, good.length + 1);
        assertThat(types(client.option(Client.INFO, long0))).containsExactly(ERR_INVALID);
        client.option(Client.STRUCTURED, NOTHING);
        byte[] meta = Client.meta("nvme0n1", "base:allocation", "x:y");
        for (int length = 0; length < meta.length; length++) {
            assertThat(types(client.option(Client.SET_META, Arrays.copyOf(meta, length))))
                    .containsExactly(ERR_INVALID);
        }
        ByteBuffer.wrap(meta).putInt(11, 0x7FFF_FFFF);
        assertThat(types(client.option(Client.SET_META, meta))).containsExactly(ERR_INVALID);
    }

    @Test
    void metaContextsNeedStructuredReplies() throws Exception {
        client.greet(3);
        byte[] all = Client.meta("nvme0n1");
        byte[] base = Client.meta("nvme0n1", "base:allocation");
        assertThat(types(client.option(Client.LIST_META, all))).containsExactly(ERR_INVALID);
        client.option(Client.STRUCTURED, NOTHING);
        List<OptionReply> listed = client.option(Client.LIST_META, all);
        assertThat(types(listed)).containsExactly(4, 1);
        assertThat(listed.getFirst().text()).endsWith("base:allocation");
        assertThat(types(client.option(Client.LIST_META, Client.meta("nvme0n1", "base:"))))
                .containsExactly(4, 1);
        assertThat(types(client.option(Client.LIST_META, Client.meta("nvme0n1", "x:y"))))
                .containsExactly(1);
        assertThat(types(client.option(Client.SET_META, all))).containsExactly(1);
        assertThat(types(client.option(Client.SET_META, base))).containsExactly(4, 1);
        assertThat(types(client.option(Client.SET_META, Client.meta("other", "base:allocation"))))
                .containsExactly(ERR_UNKNOWN);
    }

    @Test
    void selectingAgainForgetsTheLastSelection() throws Exception {
        client.greet(3);
        client.option(Client.STRUCTURED, NOTHING);
        client.option(Client.SET_META, Client.meta("nvme0n1", "base:allocation"));
        client.option(Client.SET_META, Client.meta("nvme0n1", "x:y"));
        client.option(Client.GO, Client.named("nvme0n1"));
        client.request(Client.BLOCK_STATUS, 0, 0, 4096);
        assertThat(client.reply(0).error()).isEqualTo(Nbd.EINVAL);
    }

    @Test
    void anUnknownExportByTheOldOptionIsHungUpOn() throws Exception {
        client.greet(3);
        client.sendOption(Client.EXPORT_NAME, new byte[] {'x'});
        assertThat(client.isCutOff()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 0x8000_0000, -1})
    void unknownClientFlagsEndTheConnection(int flags) throws Exception {
        client.greet(flags);
        assertThat(client.isCutOff()).isTrue();
        Rig.await("counted", () -> rig.export.statistics().violations() == 1);
    }

    @Test
    void anOptionWithoutItsMagicEndsTheConnection() throws Exception {
        client.greet(3);
        client.send(ByteBuffer.allocate(16));
        assertThat(client.isCutOff()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {(16 << 10) + 1, 0x7FFF_FFFF, -1})
    void anOptionWithTooMuchDataEndsTheConnection(int length) throws Exception {
        client.greet(3);
        ByteBuffer head = Client.optionBytes(Client.LIST, NOTHING).putInt(12, length);
        client.send(head);
        assertThat(client.isCutOff()).isTrue();
    }

    @Test
    void optionsWithoutEndEndTheConnection() throws Exception {
        client.greet(3);
        for (int i = 0; i < 256; i++) {
            assertThat(types(client.option(Client.LIST, NOTHING))).containsExactly(2, 1);
        }
        assertThat(client.isCutOff()).isTrue();
    }

    @Test
    void whoSaysNothingIsCutOff() throws Exception {
        client.close();
        rig.close();
        rig = new Rig(folder, new TestDisk(SIZE), false, new Server(Duration.ofMillis(100)));
        client = rig.connect();
        try (Client slow = rig.connect()) {
            slow.greet(3);
            slow.send(ByteBuffer.allocate(3));
            assertThat(client.receive(18).getLong()).isEqualTo(0x4e42444d41474943L);
            assertThat(client.isCutOff()).isTrue();
            assertThat(slow.isCutOff()).isTrue();
        }
    }
}
