/// Commands about devices and the drivers bound to them.
@NullMarked
package helix.shell.tree;

import org.jspecify.annotations.NullMarked;
