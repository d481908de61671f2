/// Devices of other processes, reached by the vhost-user protocol, as virtio functions of a PCI
/// machine.
@NullMarked
package helix.hal.vhostuser;

import org.jspecify.annotations.NullMarked;
