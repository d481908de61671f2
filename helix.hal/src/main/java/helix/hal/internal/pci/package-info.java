/// PCI and PCI Express: finding functions, giving them addresses, hot-plug.
@NullMarked
package helix.hal.internal.pci;

import org.jspecify.annotations.NullMarked;
