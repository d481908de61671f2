/// How each class of device is made quiet when its driver is gone, and how it confirms that.
@NullMarked
package helix.hal.internal.reset;

import org.jspecify.annotations.NullMarked;
