package helix.shell.blk.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.driver.kit.MemoryBlockDevice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StreamCopyTest {
    private static final long CAPACITY = 8 << 20;
    private static final byte BACKGROUND = 0x5A;

    @TempDir Path folder;
    private MemoryBlockDevice device = device(512);

    /// Small chunks and one queue, so that little data makes many requests.
    private static MemoryBlockDevice device(int blockSize) {
        BlockLimits limits =
                new BlockLimits(16384, 1, 512, 1, 64, Set.of(BlockOp.FLUSH), false, true, 0);
        MemoryBlockDevice device =
                new MemoryBlockDevice(
                        new BlockIdentity("M", "1", "1", 1, ""),
                        limits,
                        blockSize,
                        CAPACITY / blockSize);
        device.contents().fill(BACKGROUND);
        return device;
    }

    @AfterEach
    void nothingIsLeft() {
        assertThat(device.queuesOpen()).isZero();
        assertThat(device.buffersInUse()).isZero();
    }

    private Path randomFile(int bytes) throws IOException {
        byte[] content = new byte[bytes];
        new Random(bytes).nextBytes(content);
        return Files.write(folder.resolve("in"), content);
    }

    private long write(Path file, long offset) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return StreamCopy.fromFile(device, channel, offset, Progress.NONE, CancelSignal.NEVER);
        }
    }

    private byte[] read(long offset, long bytes) throws IOException {
        Path file = folder.resolve("out");
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            StreamCopy.toFile(device, channel, offset, bytes, Progress.NONE, CancelSignal.NEVER);
        }
        return Files.readAllBytes(file);
    }

    @ParameterizedTest
    @CsvSource({
        "512, 0, 1048576",
        "512, 0, 8388608",
        "4096, 0, 1048576",
        "512, 0, 1",
        "4096, 0, 5000",
        "512, 0, 1000001",
        "4096, 100, 50",
        "4096, 100, 4000",
        "512, 513, 100000",
        "4096, 4095, 2",
        "4096, 8192, 0"
    })
    void aFileComesBackAndItsNeighboursStay(int blockSize, long offset, int bytes)
            throws IOException {
        device = device(blockSize);
        Path file = randomFile(bytes);

        assertThat(write(file, offset)).isEqualTo(bytes);
        device.powerCut();

        // What was flushed is there after the cut; the background was never flushed.
        byte[] content = Files.readAllBytes(file);
        assertThat(
                        MemorySegment.mismatch(
                                device.contents(),
                                offset,
                                offset + bytes,
                                MemorySegment.ofArray(content),
                                0,
                                bytes))
                .isEqualTo(-1);
        assertThat(read(offset, bytes)).isEqualTo(content);
    }

    @Test
    void theRestOfTheFirstAndTheLastBlockIsKept() throws IOException {
        device = device(4096);
        write(randomFile(4000), 3000);

        byte[] around = read(0, 3 * 4096);
        for (int i = 0; i < around.length; i++) {
            if (i < 3000 || i >= 7000) {
                assertThat(around[i]).as("byte %d", i).isEqualTo(BACKGROUND);
            }
        }
    }

    @Test
    void aFileThatDoesNotFitIsRefusedBeforeAnythingIsWritten() throws IOException {
        Path file = randomFile(4096);
        assertThatThrownBy(() -> write(file, CAPACITY - 4095))
                .isInstanceOf(BlockException.class)
                .hasMessage("4096 bytes at offset 8384513 of a disk of 8388608: beyond the end");
        assertThat(
                        device.contents()
                                .asSlice(CAPACITY - 4096)
                                .mismatch(MemorySegment.ofArray(new byte[4096]).fill(BACKGROUND)))
                .isEqualTo(-1);
        assertThatThrownBy(() -> read(CAPACITY, 1)).isInstanceOf(BlockException.class);
    }

    @Test
    void progressIsInBytesOfTheFile() throws IOException {
        Path file = randomFile(100_001);
        List<Long> seen = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(file)) {
            StreamCopy.fromFile(
                    device,
                    channel,
                    0,
                    (done, total) -> {
                        assertThat(total).isEqualTo(100_001);
                        seen.add(done);
                    },
                    CancelSignal.NEVER);
        }
        assertThat(seen).isSorted().endsWith(100_001L);
    }

    @Test
    void aCopyCanBeCancelled() throws IOException {
        AtomicInteger asked = new AtomicInteger();
        Path file = randomFile(1 << 20);
        try (FileChannel channel = FileChannel.open(file)) {
            assertThatThrownBy(() ->
                            StreamCopy.fromFile(
                                    device,
                                    channel,
                                    0,
                                    Progress.NONE,
                                    () -> asked.incrementAndGet() > 2))
                    .isInstanceOf(CancellationException.class)
                    .hasMessageContaining("of 1048576 bytes");
        }
    }

    @Test
    void aCopyFromADeviceThatDoesNotAnswerCanBeCancelled() {
        AtomicInteger asked = new AtomicInteger();
        device.stall(true);
        assertThatThrownBy(() ->
                        new Pattern(1)
                                .verify(
                                        device,
                                        0,
                                        8,
                                        Progress.NONE,
                                        () -> asked.incrementAndGet() > 2))
                .isInstanceOf(CancellationException.class)
                .hasMessage("cancelled with 1 requests in flight");
    }

    @Test
    void aFailedRequestIsNamed() throws IOException {
        device =
                new MemoryBlockDevice(512, CAPACITY / 512) {
                    @Override
                    protected int perform(
                            int op, int flags, long lba, int count, ScatterList list) {
                        return lba == 512
                                ? BlockStatus.MEDIA_ERROR
                                : super.perform(op, flags, lba, count, list);
                    }
                };
        assertThatThrownBy(() -> read(0, CAPACITY))
                .isInstanceOf(BlockException.class)
                .hasMessage("read of 512 blocks at 512: media error");
    }

    @Test
    void aDevicePulledInBetweenEndsTheCopy() throws IOException {
        Path file = randomFile(1 << 20);
        try (FileChannel channel = FileChannel.open(file)) {
            assertThatThrownBy(() ->
                            StreamCopy.fromFile(
                                    device,
                                    channel,
                                    0,
                                    (done, total) -> device.remove(BlockStatus.DEVICE_GONE),
                                    CancelSignal.NEVER))
                    .isInstanceOf(BlockException.class);
        }
    }
}
