/// Models of devices for the embedded machine: what an author of hardware implements, and what the
/// machine does for it. Drivers do not use this package.
@Export
@Version("0.1.0")
@NullMarked
package helix.hal.sim.api;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
