package helix.modules.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class StateTest {
    private static final ModuleState.Schema SCHEMA = new ModuleState.Schema("test", 2, 1);

    private static StateWriter written() {
        StateWriter out = new StateWriter();
        out.bool(true);
        out.number(-7);
        out.number(1L << 40);
        out.numbers(new int[] {1, 2, 3});
        out.numbers(new long[] {4, 5});
        out.octets(new byte[] {6, 7});
        out.padded(new byte[] {8, 0, 9, 0, 0});
        return out;
    }

    private static void read(StateReader in) {
        assertThat(in.bool("bool")).isTrue();
        assertThat(in.number("number", -7, -7)).isEqualTo(-7);
        assertThat(in.longNumber("long")).isEqualTo(1L << 40);
        assertThat(in.numbers("numbers", 3, 1, 3)).containsExactly(1, 2, 3);
        assertThat(in.longNumbers("longs", 2)).containsExactly(4, 5);
        assertThat(in.octets("octets", 2)).containsExactly(6, 7);
        assertThat(in.padded("padded", 5)).containsExactly(8, 0, 9, 0, 0);
        in.end();
    }

    @Test
    void whatIsWrittenIsRead() {
        read(new StateReader(written().toBytes()));
        read(StateReader.of(written().toState(SCHEMA), SCHEMA));
    }

    @Test
    void zeroesAtTheEndTakeNoRoom() {
        StateWriter out = new StateWriter();
        out.padded(new byte[4096]);
        assertThat(out.toBytes()).hasSize(Integer.BYTES);
    }

    @Test
    void moreThanTheFirstRoomIsWritten() {
        StateWriter out = new StateWriter();
        out.numbers(new int[10_000]);
        out.numbers(new long[10_000]);
        assertThat(out.toBytes()).hasSize(120_000);
    }

    @Test
    void whatIsCutOffAnywhereEndsTheReading() {
        byte[] all = written().toBytes();
        for (int length = 0; length < all.length; length++) {
            StateReader in = new StateReader(Arrays.copyOf(all, length));
            assertThatThrownBy(() -> read(in))
                    .isInstanceOf(ModuleError.class)
                    .hasMessageStartingWith("state ends before ");
        }
        StateReader longer = new StateReader(Arrays.copyOf(all, all.length + 1));
        assertThatThrownBy(() -> read(longer))
                .isInstanceOf(ModuleError.class)
                .hasMessageContaining("bytes after the end 1");
    }

    @Test
    void whatIsOutOfItsRangeEndsTheReading() {
        StateWriter out = new StateWriter();
        out.number(5);
        byte[] five = out.toBytes();
        assertThatThrownBy(() -> new StateReader(five).number("depth", 0, 4))
                .hasMessage("state cannot be right: depth 5");
        assertThatThrownBy(() -> new StateReader(five).numbers("depths", 1, 6, 9))
                .hasMessage("state cannot be right: depths 5");
        assertThatThrownBy(() -> new StateReader(five).padded("page", 4))
                .hasMessage("state cannot be right: page 5");
        assertThatThrownBy(() -> new StateReader(new byte[] {2}).bool("flag"))
                .hasMessage("state cannot be right: flag 2");
    }

    @Test
    void countsThatCannotBeDoNotTakeMemory() {
        StateReader in = new StateReader(new byte[64]);
        assertThatThrownBy(() -> in.octets("octets", Integer.MAX_VALUE))
                .isInstanceOf(ModuleError.class);
        assertThatThrownBy(() -> in.longNumbers("longs", Integer.MAX_VALUE))
                .isInstanceOf(ModuleError.class);
        assertThatThrownBy(() -> in.numbers("numbers", -1)).isInstanceOf(ModuleError.class);
    }

    @Test
    void anotherSchemaVersionOrDamageIsRefused() {
        byte[] data = written().toBytes();
        assertThatThrownBy(() -> StateReader.of(ModuleState.of("other", 2, data), SCHEMA))
                .hasMessageContaining("no state of schema other version 2");
        assertThatThrownBy(() -> StateReader.of(ModuleState.of("test", 1, data), SCHEMA))
                .isInstanceOf(ModuleError.class);
        ModuleState damaged = ModuleState.of("test", 2, data);
        data[3] ^= 1;
        assertThatThrownBy(() -> StateReader.of(damaged, SCHEMA))
                .hasMessage("the state is damaged");
    }
}
