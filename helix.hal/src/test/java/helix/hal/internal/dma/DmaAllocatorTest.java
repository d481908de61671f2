package helix.hal.internal.dma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.DmaRequest;
import helix.hal.api.machine.DmaWindow;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DmaAllocatorTest {
    private final MemorySegment low = Arena.ofAuto().allocate(1 << 20, 4096);
    private final MemorySegment high = Arena.ofAuto().allocate(1 << 20, 4096);
    private final DmaAllocator allocator =
            new DmaAllocator(
                    "fake",
                    List.of(
                            new DmaWindow(0x10_0000, low, -1, 0),
                            new DmaWindow(0x1_0000_0000L, high, -1, 0)),
                    new DmaDomains(Optional.empty()));

    @Test
    void blocksAreZeroedAlignedApartAndWithinTheirLimits() {
        low.fill((byte) 0xA5);
        high.fill((byte) 0xA5);
        Random random = new Random(42);
        List<DmaBlock> blocks = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            long size = 1 + random.nextInt(6000);
            DmaRequest request =
                    new DmaRequest(
                            size,
                            1L << random.nextInt(13),
                            random.nextBoolean() ? 0 : 8192,
                            random.nextBoolean() ? 32 : 64,
                            -1);
            DmaBlock block = allocator.allocate(request);
            assertThat(block.bytes().byteSize()).isEqualTo(size);
            assertThat(block.address() % request.alignment()).isZero();
            if (request.boundary() != 0) {
                assertThat(block.address() / 8192).isEqualTo((block.address() + size - 1) / 8192);
            }
            if (request.addressBits() == 32) {
                assertThat(block.address()).isLessThan(1L << 32);
            }
            assertThat(block.bytes().toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
            block.bytes().fill((byte) i);
            blocks.add(block);
            if (random.nextInt(3) == 0) {
                blocks.remove(random.nextInt(blocks.size())).release();
            }
        }
        assertThat(allocator.blocksInUse()).isEqualTo(blocks.size());
        blocks.forEach(DmaBlock::release);
        assertThat(allocator.blocksInUse()).isZero();
        assertThat(allocator.bytesInUse()).isZero();
    }

    @Test
    void exhaustionNamesWhatWasWantedAndWhatIsLeft() {
        allocator.allocate(new DmaRequest(512 << 10, 4096, 0, 32, -1));
        assertThatThrownBy(() -> allocator.allocate(new DmaRequest(768 << 10, 4096, 0, 32, -1)))
                .isInstanceOf(DeviceException.class)
                .hasMessage(
                        "no DMA memory on fake: wanted 786432 bytes, aligned to 4096, boundary 0,"
                                + " within 32 address bits; left 524288 bytes, the largest piece"
                                + " 524288");
    }

    @Test
    void quarantinedMemoryIsFreeOnlyWhenTheCulpritIsLifted() {
        Object culprit = new Object();
        DmaBlock own = allocator.allocate(DmaRequest.pages(4096));
        DmaBlock shared = allocator.allocate(DmaRequest.pages(8192));
        shared.share();
        own.quarantine(culprit);
        own.release();
        allocator.suspectAll(culprit);
        shared.release();
        assertThat(allocator.bytesInUse()).isEqualTo(12288);
        assertThat(allocator.lift(new Object())).isZero();
        assertThat(allocator.lift(culprit)).isEqualTo(12288);
        assertThat(allocator.bytesInUse()).isZero();
        assertThat(own.release()).isZero();
    }
}
