/// What tests and the drivers in their bundles share: the framework under test exports this
/// package.
@NullMarked
package helix.modules.probe;

import org.jspecify.annotations.NullMarked;
