/// Leases: granting, and ending them in the order that keeps memory safe.
@NullMarked
package helix.hal.internal.lease;

import org.jspecify.annotations.NullMarked;
