/// The network subsystem.
@NullMarked
package helix.net.internal;

import org.jspecify.annotations.NullMarked;
