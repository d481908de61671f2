/// Interrupts: the device's side of each kind, and their dispatch.
@NullMarked
package helix.hal.internal.irq;

import org.jspecify.annotations.NullMarked;
