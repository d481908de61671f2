/// Memory that devices reach.
@NullMarked
package helix.hal.internal.dma;

import org.jspecify.annotations.NullMarked;
