/// `helix:lspci` and the names it knows.
@NullMarked
package helix.shell.pci;

import org.jspecify.annotations.NullMarked;
