package helix.shell;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SizesTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "512, 512",
        "4k, 4096",
        "4K, 4096",
        "4KiB, 4096",
        "64M, 67108864",
        "0x1000, 4096",
        "2g, 2147483648",
        "1t, 1099511627776",
        "0512, 512"
    })
    void sizesAreRead(String text, long bytes) {
        assertThat(Sizes.parse(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "k", "-1", "4x", "1.5M", "9223372036854775808", "9000000t"})
    void whatIsNoSizeIsRefused(String text) {
        assertThatThrownBy(() -> Sizes.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + text + "'");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0B",
        "512, 512B",
        "1024, 1K",
        "1536, 1.5K",
        "67108864, 64M",
        "1073741824, 1G",
        "1099511627776, 1T",
        "4503599627370496, 4096T"
    })
    void sizesAreWritten(long bytes, String text) {
        assertThat(Sizes.text(bytes)).isEqualTo(text);
    }
}
