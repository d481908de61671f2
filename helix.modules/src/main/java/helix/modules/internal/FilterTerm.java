package helix.modules.internal;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.osgi.framework.Filter;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.InvalidSyntaxException;

/// An LDAP filter in its parts, to say which of them does not hold. RFC 4515, as the OSGi core
/// specification narrows it in section 3.2.7.
sealed interface FilterTerm {
    /// All parts hold.
    record And(List<FilterTerm> parts) implements FilterTerm {}

    /// A part holds.
    record Or(List<FilterTerm> parts) implements FilterTerm {}

    /// The part does not hold.
    record Not(FilterTerm part, String text) implements FilterTerm {}

    /// A comparison.
    record Clause(String attribute, String text, Filter filter) implements FilterTerm {}

    /// Reads a filter.
    static FilterTerm parse(String text) {
        Parser parser = new Parser(text);
        try {
            FrameworkUtil.createFilter(text);
            return parser.filter();
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException("no filter: '" + text + "': " + e.getMessage(), e);
        }
    }

    /// Whether these properties satisfy it.
    default boolean matches(Map<String, ?> properties) {
        return switch (this) {
            case And(var parts) -> parts.stream().allMatch(p -> p.matches(properties));
            case Or(var parts) -> parts.stream().anyMatch(p -> p.matches(properties));
            case Not(var part, _) -> !part.matches(properties);
            case Clause clause -> clause.filter.matches(properties);
        };
    }

    /// The parts because of which the whole does not hold.
    default List<Failure> failures(Map<String, ?> properties) {
        List<Failure> failures = new ArrayList<>();
        collect(properties, failures);
        return failures;
    }

    private void collect(Map<String, ?> properties, List<Failure> failures) {
        if (matches(properties)) {
            return;
        }
        switch (this) {
            case And(var parts) -> parts.forEach(p -> p.collect(properties, failures));
            case Or(var parts) -> parts.forEach(p -> p.collect(properties, failures));
            case Not(_, var text) -> failures.add(new Failure("not " + bare(text), bare(text)));
            case Clause c -> {
                Object value = properties.get(c.attribute);
                String found = value == null ? "no " + c.attribute : c.attribute + "=" + value;
                failures.add(new Failure(bare(c.text), found));
            }
        }
    }

    /// How precisely it names the devices that these properties describe.
    default Score score(Map<String, ?> properties) {
        if (!matches(properties)) {
            return Score.NONE;
        }
        return switch (this) {
            case Or(var parts) ->
                    parts.stream()
                            .map(p -> p.score(properties))
                            .max(Score::compareTo)
                            .orElse(Score.GENERIC);
            case And(var parts) -> {
                List<String> attributes = new ArrayList<>();
                Score best = Score.GENERIC;
                for (FilterTerm part : parts) {
                    if (part instanceof Clause c) {
                        attributes.add(c.attribute);
                    }
                    Score score = part.score(properties);
                    best = score.compareTo(best) > 0 ? score : best;
                }
                boolean vendor = attributes.stream().anyMatch(a -> a.endsWith(".vendor"));
                boolean product =
                        attributes.stream()
                                .anyMatch(a -> a.endsWith(".device") || a.endsWith(".product"));
                yield vendor && product ? Score.EXACT : best;
            }
            case Not _ -> Score.GENERIC;
            case Clause c ->
                    c.attribute.endsWith(".class") || c.attribute.endsWith(".pnp")
                            ? Score.CLASS
                            : Score.GENERIC;
        };
    }

    private static String bare(String text) {
        return text.startsWith("(") && text.endsWith(")")
                ? text.substring(1, text.length() - 1)
                : text;
    }

    /// A part that does not hold.
    record Failure(String wanted, String found) {}

    /// How good a match is: an id beats a class, and that any other.
    enum Score {
        /// It does not match.
        NONE,
        /// Some property.
        GENERIC,
        /// What kind of device it is.
        CLASS,
        /// Vendor and device.
        EXACT
    }

    /// Reads text that the framework has already accepted as a filter.
    final class Parser {
        private final String text;
        private int position;

        private Parser(String text) {
            this.text = text;
        }

        private FilterTerm filter() throws InvalidSyntaxException {
            skipSpace();
            int begin = position;
            position++; // (
            skipSpace();
            FilterTerm term =
                    switch (text.charAt(position)) {
                        case '&' -> new And(list());
                        case '|' -> new Or(list());
                        case '!' -> {
                            position++;
                            FilterTerm part = filter();
                            skipSpace();
                            yield new Not(part, text.substring(begin + 2, position));
                        }
                        default -> clause(begin);
                    };
            skipSpace();
            position++; // )
            return term;
        }

        private List<FilterTerm> list() throws InvalidSyntaxException {
            position++;
            List<FilterTerm> parts = new ArrayList<>();
            skipSpace();
            while (text.charAt(position) == '(') {
                parts.add(filter());
                skipSpace();
            }
            return List.copyOf(parts);
        }

        private Clause clause(int begin) throws InvalidSyntaxException {
            while ("=~<>".indexOf(text.charAt(position)) < 0) {
                position++;
            }
            String attribute = text.substring(begin + 1, position).strip();
            while (text.charAt(position) != ')') {
                position += text.charAt(position) == '\\' ? 2 : 1;
            }
            String clause = text.substring(begin, position) + ")";
            return new Clause(attribute, clause, FrameworkUtil.createFilter(clause));
        }

        private void skipSpace() {
            while (position < text.length() && Character.isWhitespace(text.charAt(position))) {
                position++;
            }
        }
    }
}
