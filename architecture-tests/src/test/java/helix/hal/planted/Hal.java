package helix.hal.planted;

/// Used where it must not be.
public final class Hal {}
