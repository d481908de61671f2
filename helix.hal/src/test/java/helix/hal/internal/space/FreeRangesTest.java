package helix.hal.internal.space;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FreeRangesTest {
    private static final int SIZE = 4096;

    private record Taken(long base, long size) {}

    /// Against a model that knows each address: what is taken was free, fits every wish, and
    /// nothing is lost; and where the model has room, so have the ranges.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void randomUseAgreesWithAModel(long seed) {
        Random random = new Random(seed);
        FreeRanges ranges = new FreeRanges();
        ranges.free(0, SIZE);
        BitSet used = new BitSet(SIZE);
        List<Taken> taken = new ArrayList<>();
        for (int step = 0; step < 5000; step++) {
            if (random.nextInt(3) < 2) {
                long size = 1 + random.nextInt(200);
                long alignment = 1L << random.nextInt(7);
                long boundary = random.nextBoolean() ? 0 : 256L << random.nextInt(3);
                long highest = random.nextBoolean() ? Long.MAX_VALUE : random.nextInt(SIZE);
                long base = ranges.allocate(size, alignment, boundary, highest);
                assertThat(base).isEqualTo(first(used, size, alignment, boundary, highest));
                if (base != FreeRanges.NONE) {
                    used.set((int) base, (int) (base + size));
                    taken.add(new Taken(base, size));
                }
            } else if (!taken.isEmpty()) {
                Taken one = taken.remove(random.nextInt(taken.size()));
                ranges.free(one.base, one.size);
                used.clear((int) one.base, (int) (one.base + one.size));
            }
            assertThat(ranges.available()).isEqualTo(SIZE - used.cardinality());
        }
        taken.forEach(t -> ranges.free(t.base, t.size));
        assertThat(ranges.largest()).isEqualTo(SIZE);
    }

    private static long first(BitSet used, long size, long alignment, long boundary, long highest) {
        for (long base = 0; base + size <= SIZE; base += alignment) {
            boolean crosses = boundary != 0 && base / boundary != (base + size - 1) / boundary;
            if (!crosses
                    && base + size - 1 <= highest
                    && used.get((int) base, (int) (base + size)).isEmpty()) {
                return base;
            }
        }
        return FreeRanges.NONE;
    }

    @Test
    void whatIsFreeIsNotFreedAgain() {
        FreeRanges ranges = new FreeRanges();
        ranges.free(0x1000, 0x1000);
        assertThatThrownBy(() -> ranges.free(0x1800, 0x1000))
                .hasMessage("range 0x1800 + 0x1000 is free already");
        assertThatThrownBy(() -> ranges.free(0x800, 0x1000))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void reservingTakesWhatIsFreeOfARange() {
        FreeRanges ranges = new FreeRanges();
        ranges.free(0, 100);
        assertThat(ranges.reserve(40, 20)).isTrue();
        assertThat(ranges.reserve(30, 40)).isFalse();
        assertThat(ranges.available()).isEqualTo(60);
        assertThat(ranges.allocate(31, 1)).isEqualTo(FreeRanges.NONE);
    }
}
