/// Seeing and steering which driver drives what: for the shell, the console and tests. Drivers do
/// not use it.
@Export
@Version("1.0.0")
@NullMarked
package helix.modules.api.binder;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
