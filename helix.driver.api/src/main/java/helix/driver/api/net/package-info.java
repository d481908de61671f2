/// Network devices.
@Export
@Version("1.0.0")
@NullMarked
package helix.driver.api.net;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
