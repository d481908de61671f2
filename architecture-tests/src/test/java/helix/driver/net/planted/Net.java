package helix.driver.net.planted;

/// Used where it must not be.
public final class Net {}
