package helix.shell;

import java.time.Duration;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Durations as people write them: `500ms`, `10s`, `1.5s`, `2m`, `1h`. A number without a unit
/// counts seconds.
public final class Durations implements ITypeConverter<Duration> {
    private static final Pattern FORM =
            Pattern.compile("([0-9]{1,9}(?:\\.[0-9]{1,9})?)(us|ms|s|m|h)?");

    @Override
    public Duration convert(String text) {
        Matcher m = FORM.matcher(text.strip().toLowerCase(Locale.ROOT));
        if (!m.matches()) {
            throw new TypeConversionException(
                    "'" + text + "' is no duration (expected such as 500ms, 10s, 2m)");
        }
        double nanos =
                switch (m.group(2) == null ? "s" : m.group(2)) {
                    case "us" -> 1e3;
                    case "ms" -> 1e6;
                    case "m" -> 60e9;
                    case "h" -> 3600e9;
                    default -> 1e9;
                };
        return Duration.ofNanos((long) (Double.parseDouble(m.group(1)) * nanos));
    }
}
