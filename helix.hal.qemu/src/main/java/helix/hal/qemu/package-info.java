/// QEMU's device models as a machine: the JVM plays the CPU over qtest, memory is shared, messages
/// arrive as eventfds through ivshmem, and QMP plugs hardware and breaks it.
@NullMarked
package helix.hal.qemu;

import org.jspecify.annotations.NullMarked;
