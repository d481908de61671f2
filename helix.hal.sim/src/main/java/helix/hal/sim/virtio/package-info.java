/// Models of virtio 1.2 devices behind modern PCI.
@NullMarked
package helix.hal.sim.virtio;

import org.jspecify.annotations.NullMarked;
