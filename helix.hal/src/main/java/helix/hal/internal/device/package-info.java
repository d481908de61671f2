/// What all devices of the HAL have in common.
@NullMarked
package helix.hal.internal.device;

import org.jspecify.annotations.NullMarked;
