/// What the `blk:` commands do to a block device, without a shell: copy, fill, verify, measure.
@NullMarked
package helix.shell.blk.engine;

import org.jspecify.annotations.NullMarked;
