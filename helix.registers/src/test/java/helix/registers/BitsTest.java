package helix.registers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class BitsTest {
    @Test
    void fieldsAreReadAndWrittenInPlace() {
        Bits field = Bits.of(19, 16);
        assertThat(field.mask()).isEqualTo(0xF0000);
        assertThat(field.get(0x00460001)).isEqualTo(6);
        assertThat(field.put(6)).isEqualTo(0x60000);
        assertThat(field.put(0xFFFFFFFFL, 0)).isEqualTo(0xFFF0FFFFL);
    }

    @Test
    void aWholeRegisterIsAField() {
        Bits all = Bits.of(63, 0);
        assertThat(all.mask()).isEqualTo(-1L);
        assertThat(all.get(-1L)).isEqualTo(-1L);
        assertThat(all.put(-1L)).isEqualTo(-1L);
    }

    @Test
    void theTopBitsOfANegativeIntAreNotSignExtended() {
        assertThat(Bits.of(31, 24).get(0xFF000000)).isEqualTo(0xFF);
        assertThat(Bits.of(31).isSet(Integer.toUnsignedLong(0x80000000))).isTrue();
    }

    @Test
    void aValueThatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> Bits.of(19, 16).put(16)).hasMessage("16 does not fit 19:16");
        assertThatThrownBy(() -> Bits.of(3, 4)).hasMessage("no bit field: 3:4");
    }
}
