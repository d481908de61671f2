/// Verified load: the part of `blk:soak` that knows no shell.
@NullMarked
package helix.shell.blk.soak;

import org.jspecify.annotations.NullMarked;
