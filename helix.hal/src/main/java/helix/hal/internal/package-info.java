/// The HAL: publishes the devices of the machines present and serves leases of them.
@NullMarked
package helix.hal.internal;

import org.jspecify.annotations.NullMarked;
