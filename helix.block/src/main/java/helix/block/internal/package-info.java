/// Disks over the block devices that drivers publish.
@NullMarked
package helix.block.internal;

import org.jspecify.annotations.NullMarked;
