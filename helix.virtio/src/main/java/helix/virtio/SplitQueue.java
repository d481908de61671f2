package helix.virtio;

/// A split virtqueue, VIRTIO 1.2, section 2.7.
abstract non-sealed class SplitQueue extends Virtqueue {}
