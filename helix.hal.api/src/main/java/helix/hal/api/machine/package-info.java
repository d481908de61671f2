/// What a machine, a source of hardware, offers to the HAL, and the little it is told. Machines are
/// OSGi services of type [helix.hal.api.machine.Machine]; the HAL publishes the devices it finds in
/// each.
///
/// Drivers do not use this package; the class-file scanner refuses one that does.
@Export
@Version("1.2.0")
@NullMarked
package helix.hal.api.machine;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
