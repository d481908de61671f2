/// Becomes the bundle of a driver that makes its own memory.
@NullMarked
package helix.integration.drivers.memory;

import org.jspecify.annotations.NullMarked;
