/// What the bundles may use of each other.
@NullMarked
package helix.architecture;

import org.jspecify.annotations.NullMarked;
