/// Virtio over PCI: VIRTIO 1.2, section 4.1.
@NullMarked
package helix.driver.bus.virtio;

import org.jspecify.annotations.NullMarked;
