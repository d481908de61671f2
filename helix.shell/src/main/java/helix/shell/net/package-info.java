/// Commands for network interfaces.
@NullMarked
package helix.shell.net;

import org.jspecify.annotations.NullMarked;
