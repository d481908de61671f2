/// Captures of what passes a network interface.
@Export
@Version("1.0.0")
@NullMarked
package helix.net.api.capture;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
