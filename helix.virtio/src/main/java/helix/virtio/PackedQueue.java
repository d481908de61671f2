package helix.virtio;

/// A packed virtqueue, VIRTIO 1.2, section 2.8.
abstract non-sealed class PackedQueue extends Virtqueue {}
