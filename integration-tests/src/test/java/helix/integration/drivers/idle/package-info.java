/// Becomes the bundle of a good driver.
@NullMarked
package helix.integration.drivers.idle;

import org.jspecify.annotations.NullMarked;
