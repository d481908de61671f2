package helix.block.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.block.api.Disk;
import helix.driver.kit.MemoryBlockDevice;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DiskChannelTest {
    private static final int SIZE = 4096 * Rig.BLOCK;

    private final Rig rig = new Rig();
    private final MemoryBlockDevice drive = Rig.drive("A");
    private Disk.Access access;
    private SeekableByteChannel channel;

    @BeforeEach
    void open() {
        rig.serve(drive, "0000:00:04.0", "nvme0n1");
        access = rig.published.getFirst().open(Disk.OpenMode.WRITE_SHARED, "test");
        channel = access.channel();
    }

    @Test
    void anyBytesAtAnyPlaceAreReadAndWritten() throws IOException {
        byte[] expected = new byte[SIZE];
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < 300; i++) {
            int length = random.nextInt(1, random.nextInt(10) == 0 ? 200_000 : 2_000);
            int at = random.nextInt(SIZE - length);
            byte[] bytes = new byte[length];
            if (random.nextBoolean()) {
                random.nextBytes(bytes);
                System.arraycopy(bytes, 0, expected, at, length);
                assertThat(channel.position(at).write(ByteBuffer.wrap(bytes))).isEqualTo(length);
            } else {
                assertThat(channel.position(at).read(ByteBuffer.wrap(bytes))).isEqualTo(length);
                assertThat(Arrays.mismatch(bytes, 0, length, expected, at, at + length))
                        .as("%d bytes at %d", length, at)
                        .isEqualTo(-1);
            }
            assertThat(channel.position()).isEqualTo(at + length);
        }
        assertThat(drive.contents().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
    }

    @Test
    void theEndIsTheEnd() throws IOException {
        assertThat(channel.size()).isEqualTo(SIZE);
        ByteBuffer bytes = ByteBuffer.allocate(10);
        assertThat(channel.position(SIZE - 4).read(bytes)).isEqualTo(4);
        assertThat(channel.read(bytes)).isEqualTo(-1);
        assertThat(channel.position(SIZE + 100L).read(bytes)).isEqualTo(-1);
        assertThatThrownBy(() -> channel.position(SIZE - 4).write(ByteBuffer.allocate(5)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("nvme0n1");
        assertThat(channel.truncate(SIZE)).isSameAs(channel);
        assertThatThrownBy(() -> channel.truncate(5)).hasMessageContaining("cannot be truncated");
        assertThatThrownBy(() -> channel.position(-1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aClosedChannelLeavesTheAccessOpen() throws IOException {
        channel.close();
        assertThat(channel.isOpen()).isFalse();
        assertThatThrownBy(() -> channel.size()).isInstanceOf(ClosedChannelException.class);
        access.flush();
    }

    @Test
    void aReadersChannelDoesNotWrite() throws IOException {
        Disk.Access reader = rig.published.getFirst().open(Disk.OpenMode.READ, "reader");
        try (SeekableByteChannel reading = reader.channel()) {
            assertThatThrownBy(() -> reading.write(ByteBuffer.allocate(1)))
                    .isInstanceOf(NonWritableChannelException.class);
        }
    }

    @Test
    void whatFailsIsAnInputOutputError() {
        rig.table.deviceRemoved("0000:00:04.0");
        drive.remove(helix.driver.api.block.BlockStatus.DEVICE_GONE);
        assertThatThrownBy(() -> channel.read(ByteBuffer.allocate(1)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("read at 0 of nvme0n1");
    }
}
