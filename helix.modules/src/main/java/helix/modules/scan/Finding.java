package helix.modules.scan;

import java.util.List;

/// A broken rule.
///
/// @param rule which
/// @param where the class, and the method in it, or the manifest header
/// @param what what it does there
public record Finding(Rule rule, String where, String what) {
    @Override
    public String toString() {
        return "%s %s: %s in %s".formatted(rule, rule.text(), what, where);
    }

    /// Several findings in one line: the first, and how many more there are.
    ///
    /// @param findings at least one
    /// @return the line
    public static String summary(List<Finding> findings) {
        String first = findings.getFirst().toString();
        int more = findings.size() - 1;
        return more == 0 ? first : first + " (and " + more + " more)";
    }
}
