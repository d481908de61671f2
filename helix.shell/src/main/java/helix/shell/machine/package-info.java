/// Commands about machines that can be changed by hand.
@NullMarked
package helix.shell.machine;

import org.jspecify.annotations.NullMarked;
