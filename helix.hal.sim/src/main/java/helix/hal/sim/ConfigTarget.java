package helix.hal.sim;

/// What answers to config accesses at one address of a bus. Any thread.
interface ConfigTarget {
    /// Reads, zero-extended. The access has been checked.
    int readConfig(int offset, int width);

    /// Writes. The access has been checked.
    void writeConfig(int offset, int width, int value);
}
