/// Becomes the bundle of a driver that makes a thread.
@NullMarked
package helix.integration.drivers.threads;

import org.jspecify.annotations.NullMarked;
