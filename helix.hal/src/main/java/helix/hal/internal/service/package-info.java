/// The HAL's services to drivers, each acting on a lease.
@NullMarked
package helix.hal.internal.service;

import org.jspecify.annotations.NullMarked;
