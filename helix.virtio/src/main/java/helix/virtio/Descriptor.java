package helix.virtio;

/// Descriptor flags, VIRTIO 1.2, sections 2.7.5 and 2.8.1.
final class Descriptor {
    /// The buffer goes on with the next descriptor.
    static final int NEXT = 1;

    /// The device writes.
    static final int WRITE = 2;

    /// It describes a table of descriptors.
    static final int INDIRECT = 4;

    /// Packed: made available, when it matches the driver's wrap counter.
    static final int AVAIL = 1 << 7;

    /// Packed: used, when it matches the device's wrap counter.
    static final int USED = 1 << 15;

    private Descriptor() {}
}
