/// Commands about disks.
@NullMarked
package helix.shell.blk;

import org.jspecify.annotations.NullMarked;
