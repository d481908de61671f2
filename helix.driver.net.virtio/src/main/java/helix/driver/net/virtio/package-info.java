/// Virtio network devices: VIRTIO 1.2, section 5.1.
@NullMarked
package helix.driver.net.virtio;

import org.jspecify.annotations.NullMarked;
