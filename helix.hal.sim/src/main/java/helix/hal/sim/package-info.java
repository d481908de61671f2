/// The embedded machine: a PCI Express hierarchy inside the JVM.
@NullMarked
package helix.hal.sim;

import org.jspecify.annotations.NullMarked;
