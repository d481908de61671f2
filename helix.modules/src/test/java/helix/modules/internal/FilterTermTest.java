package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.modules.internal.FilterTerm.Failure;
import helix.modules.internal.FilterTerm.Score;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FilterTermTest {
    private static final Map<String, Object> NVME =
            Map.of(
                    "device.id", "0000:00:04.0",
                    "device.bus", "pci",
                    "pci.vendor", "1b36",
                    "pci.device", "0010",
                    "pci.class", "010802");

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "(pci.class=010802); CLASS",
                "(pci.class=0108*); CLASS",
                "(pci.class=020000); NONE",
                "(&(pci.vendor=1b36)(pci.device=0010)); EXACT",
                "(&(pci.vendor=1b36)(pci.device=0011)); NONE",
                "(&(pci.class=010802)(!(pci.vendor=8086))); CLASS",
                "(pci.vendor=1b36); GENERIC",
                "(device.bus=pci); GENERIC",
                "(|(pci.class=010802)(&(pci.vendor=1b36)(pci.device=0010))); EXACT",
                "(|(pci.class=010802)(&(pci.vendor=8086)(pci.device=0010))); CLASS",
                "( & ( pci.class = 010802 ) (device.bus=pci) ); NONE",
            })
    void anIdBeatsAClassAndThatAnyOther(String filter, Score score) {
        assertThat(FilterTerm.parse(filter).score(NVME)).isEqualTo(score);
    }

    @Test
    void failuresNameWhatWasWantedAndWhatWasFound() {
        assertThat(FilterTerm.parse("(&(pci.class=020000)(pci.vendor=1b36))").failures(NVME))
                .containsExactly(new Failure("pci.class=020000", "pci.class=010802"));
        assertThat(FilterTerm.parse("(|(pci.class=020000)(usb.vendor=1b36))").failures(NVME))
                .containsExactly(
                        new Failure("pci.class=020000", "pci.class=010802"),
                        new Failure("usb.vendor=1b36", "no usb.vendor"));
        assertThat(FilterTerm.parse("(!(pci.class=010802))").failures(NVME))
                .containsExactly(new Failure("not pci.class=010802", "pci.class=010802"));
        assertThat(FilterTerm.parse("(pci.class=010802)").failures(NVME)).isEmpty();
    }

    @Test
    void anEscapedParenthesisDoesNotEndAClause() {
        assertThat(
                        FilterTerm.parse("(&(name=a\\)b)(x=1))")
                                .matches(Map.of("name", "a)b", "x", "1")))
                .isTrue();
    }

    @Test
    void badFiltersAreNamed() {
        assertThatThrownBy(() -> FilterTerm.parse("(pci.class=010802"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("no filter: '(pci.class=010802'");
    }
}
