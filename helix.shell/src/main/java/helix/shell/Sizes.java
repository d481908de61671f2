package helix.shell;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// Sizes as people write them: `4096`, `4k`, `64M`, `1G`, `0x1000`. Units are powers of 1024.
public final class Sizes implements ITypeConverter<Long> {
    private static final Pattern FORM =
            Pattern.compile("(0x[0-9a-f]+|[0-9]+)([kmgt]?)(?:i?b)?", Pattern.CASE_INSENSITIVE);
    private static final String UNITS = "kmgt";

    @Override
    public Long convert(String text) {
        try {
            return parse(text);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }

    /// Reads a size.
    ///
    /// @param text such as `64M`
    /// @return bytes
    /// @throws IllegalArgumentException if it is none, or too large
    public static long parse(String text) {
        Matcher m = FORM.matcher(text.strip());
        if (!m.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is no size (expected such as 4096, 4k, 64M, 1G)");
        }
        try {
            long number = Long.decode(m.group(1).replaceFirst("^0+(?=[0-9])", ""));
            int power = 1 + UNITS.indexOf(m.group(2).toLowerCase(Locale.ROOT));
            long unit = m.group(2).isEmpty() ? 1 : 1L << (10 * power);
            return Math.multiplyExact(number, unit);
        } catch (ArithmeticException | NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' is too large", e);
        }
    }

    /// Writes a size with a unit.
    ///
    /// @param bytes not negative
    /// @return at most one decimal: `64M`, `1.5G`
    public static String text(long bytes) {
        if (bytes < 1024) {
            return bytes + "B";
        }
        int power = Math.min(UNITS.length(), (63 - Long.numberOfLeadingZeros(bytes)) / 10);
        double value = bytes / (double) (1L << (10 * power));
        String digits =
                value == Math.rint(value)
                        ? Long.toString((long) value)
                        : String.format(Locale.ROOT, "%.1f", value);
        return digits + Character.toUpperCase(UNITS.charAt(power - 1));
    }
}
