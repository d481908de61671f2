package helix.modules.internal.planted;

/// Used where it must not be.
public final class Internal {}
