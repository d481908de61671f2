/// The NBD server.
@NullMarked
package helix.block.nbd.internal;

import org.jspecify.annotations.NullMarked;
