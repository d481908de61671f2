package helix.modules.api;

/// A revision, ordered as OSGi orders bundle versions.
///
/// @param major not negative
/// @param minor not negative
/// @param micro not negative
/// @param qualifier may be empty
public record ModuleVersion(int major, int minor, int micro, String qualifier)
        implements Comparable<ModuleVersion> {
    @Override
    public int compareTo(ModuleVersion o) {
        int c = Integer.compare(major, o.major);
        c = c != 0 ? c : Integer.compare(minor, o.minor);
        c = c != 0 ? c : Integer.compare(micro, o.micro);
        return c != 0 ? c : qualifier.compareTo(o.qualifier);
    }

    @Override
    public String toString() {
        String base = major + "." + minor + "." + micro;
        return qualifier.isEmpty() ? base : base + "." + qualifier;
    }
}
