/// Drivers beside devices whose replies are mutated.
@NullMarked
package helix.integration.fuzz;

import org.jspecify.annotations.NullMarked;
