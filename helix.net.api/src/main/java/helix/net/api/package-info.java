/// Network interfaces that stay while their drivers come and go.
@Export
@Version("1.0.0")
@NullMarked
package helix.net.api;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
