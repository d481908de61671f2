/// What parts of the platform cost.
@NullMarked
package helix.benchmarks;

import org.jspecify.annotations.NullMarked;
