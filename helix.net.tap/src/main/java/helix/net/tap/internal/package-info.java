/// Joins network interfaces with TAP devices of Linux.
@NullMarked
package helix.net.tap.internal;

import org.jspecify.annotations.NullMarked;
