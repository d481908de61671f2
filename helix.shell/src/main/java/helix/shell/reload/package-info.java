/// Commands that replace drivers while they serve.
@NullMarked
package helix.shell.reload;

import org.jspecify.annotations.NullMarked;
