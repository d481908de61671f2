/// Commands about the jars in the deploy folder.
@NullMarked
package helix.shell.deploy;

import org.jspecify.annotations.NullMarked;
