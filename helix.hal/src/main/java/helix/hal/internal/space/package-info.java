/// Ranges of addresses: what is free of them, and who gets what.
@NullMarked
package helix.hal.internal.space;

import org.jspecify.annotations.NullMarked;
