/// Brings the jars of the deploy folder into use.
@NullMarked
package helix.modules.internal.deploy;

import org.jspecify.annotations.NullMarked;
