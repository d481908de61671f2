/// Virtio block devices: VIRTIO 1.2, section 5.2.
@NullMarked
package helix.driver.block.virtio;

import org.jspecify.annotations.NullMarked;
