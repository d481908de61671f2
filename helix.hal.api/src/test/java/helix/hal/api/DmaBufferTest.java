package helix.hal.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class DmaBufferTest {
    private final AtomicInteger freed = new AtomicInteger();
    private final MemorySegment bytes = Arena.ofAuto().allocate(4096);

    private DmaBuffer buffer() {
        return new DmaBuffer(bytes, 0x1000, this, _ -> freed.incrementAndGet());
    }

    @Test
    void aHeldBufferIsFreedWithItsLastDrop() {
        DmaBuffer buffer = buffer();
        buffer.hold();
        buffer.close();
        buffer.close();
        assertThat(freed).hasValue(0);
        buffer.drop();
        assertThat(freed).hasValue(1);
        assertThatThrownBy(buffer::hold).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(buffer::drop).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aClosedBufferThatIsHeldCanBeHeldAgain() {
        DmaBuffer buffer = buffer();
        buffer.hold();
        buffer.close();
        buffer.hold();
        buffer.drop();
        assertThat(freed).hasValue(0);
        buffer.drop();
        assertThat(freed).hasValue(1);
    }

    /// A hold that comes with the close either keeps the memory or is refused; it never revives it.
    @Test
    void holdAndCloseAtTheSameTimeFreeTheMemoryOnce() throws Exception {
        int rounds = 20_000;
        CyclicBarrier barrier = new CyclicBarrier(2);
        DmaBuffer[] current = new DmaBuffer[1];
        AtomicInteger revived = new AtomicInteger();
        Thread holder =
                Thread.ofPlatform()
                        .start(() -> {
                            for (int i = 0; i < rounds; i++) {
                                await(barrier);
                                DmaBuffer buffer = current[0];
                                int before = freed.get();
                                try {
                                    buffer.hold();
                                    if (freed.get() > i) {
                                        revived.incrementAndGet();
                                    }
                                    buffer.drop();
                                } catch (IllegalStateException e) {
                                    assertThat(before).isLessThanOrEqualTo(i + 1);
                                }
                                await(barrier);
                            }
                        });
        for (int i = 0; i < rounds; i++) {
            current[0] = buffer();
            await(barrier);
            current[0].close();
            await(barrier);
        }
        holder.join(10_000);
        assertThat(revived).hasValue(0);
        assertThat(freed).hasValue(rounds);
    }

    private static void await(CyclicBarrier barrier) {
        try {
            barrier.await(10, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
