package helix.modules.internal.deploy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Reads manifest headers of the common form. OSGi Core 8, section 3.2.4: clauses by commas, each
/// of paths, attributes (`key=value`) and directives (`key:=value`) by semicolons.
final class ManifestHeader {
    private ManifestHeader() {}

    /// A clause with one path; a clause with several becomes several.
    record Clause(String path, Map<String, String> attributes, Map<String, String> directives) {}

    static List<Clause> parse(String header) {
        List<Clause> clauses = new ArrayList<>();
        for (String text : split(header, ',')) {
            List<String> paths = new ArrayList<>();
            Map<String, String> attributes = new HashMap<>();
            Map<String, String> directives = new HashMap<>();
            for (String part : split(text, ';')) {
                int equals = part.indexOf('=');
                if (equals < 0) {
                    paths.add(part);
                } else if (part.charAt(equals - 1) == ':') {
                    directives.put(part.substring(0, equals - 1).strip(), value(part, equals));
                } else {
                    String key = part.substring(0, equals).strip();
                    int type = key.indexOf(':'); // version:Version="1.0"
                    attributes.put(type < 0 ? key : key.substring(0, type), value(part, equals));
                }
            }
            paths.forEach(p -> clauses.add(new Clause(p, attributes, directives)));
        }
        return clauses;
    }

    private static String value(String part, int equals) {
        String value = part.substring(equals + 1).strip();
        boolean quoted = value.length() > 1 && value.startsWith("\"") && value.endsWith("\"");
        return quoted ? value.substring(1, value.length() - 1) : value;
    }

    private static List<String> split(String text, char separator) {
        List<String> parts = new ArrayList<>();
        boolean quoted = false;
        int begin = 0;
        for (int i = 0; i <= text.length(); i++) {
            if (i == text.length() || (text.charAt(i) == separator && !quoted)) {
                String part = text.substring(begin, i).strip();
                if (!part.isEmpty()) {
                    parts.add(part);
                }
                begin = i + 1;
            } else if (text.charAt(i) == '"') {
                quoted = !quoted;
            }
        }
        return parts;
    }
}
