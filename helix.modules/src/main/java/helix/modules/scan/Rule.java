package helix.modules.scan;

/// What a driver must not do, and why.
public enum Rule {
    /// Only helix.posix makes system calls and builds memory segments from addresses.
    RESTRICTED_FFM("uses restricted methods of the Foreign Function & Memory API"),
    /// Such code goes round every check.
    UNSAFE("uses Unsafe or JDK internals"),
    /// A driver's work runs on threads of the platform, which can be stopped and watched.
    THREADS("makes threads of its own (register an Agent instead)"),
    /// Memory of a driver belongs to its lease.
    ARENAS("makes arenas of its own (allocate from DmaService instead)"),
    /// Native libraries cannot be unloaded and are not checked.
    NATIVE_CODE("has native methods or loads libraries"),
    /// These are the platform's: system calls, machines and leases.
    PLATFORM_PACKAGES("uses a package that is the platform's"),
    /// Its components are what the platform runs.
    ACTIVATOR("has a bundle activator"),
    /// Users of an exported package would be refreshed with the driver.
    EXPORTS("exports packages"),
    /// What cannot be read cannot be checked.
    UNREADABLE("cannot be read");

    private final String text;

    Rule(String text) {
        this.text = text;
    }

    /// What breaks the rule.
    ///
    /// @return the rest of a sentence that begins with the driver
    public String text() {
        return text;
    }
}
