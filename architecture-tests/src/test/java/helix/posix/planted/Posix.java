package helix.posix.planted;

/// Used where it must not be.
public final class Posix {}
