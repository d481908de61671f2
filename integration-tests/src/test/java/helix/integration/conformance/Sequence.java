package helix.integration.conformance;

/// A script for a kind of device.
///
/// @param name unique, also in the table of differences
/// @param steps what is done
record Sequence<R>(String name, Steps<R> steps) {
    /// What is done to a device and asked of it.
    @FunctionalInterface
    interface Steps<R> {
        void run(R rig);
    }
}
