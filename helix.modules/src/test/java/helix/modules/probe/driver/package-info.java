/// Becomes a driver's bundle.
@NullMarked
package helix.modules.probe.driver;

import org.jspecify.annotations.NullMarked;
