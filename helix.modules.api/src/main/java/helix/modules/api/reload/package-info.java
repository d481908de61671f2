/// Replacing drivers while they serve: for the shell, the console, subsystems and tests. Drivers do
/// not use it.
@Export
@Version("1.0.0")
@NullMarked
package helix.modules.api.reload;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
