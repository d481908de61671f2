/// Becomes the bundle of a driver that the scanner refuses.
@NullMarked
package helix.modules.probe.refused;

import org.jspecify.annotations.NullMarked;
