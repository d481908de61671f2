/// Block devices: what a driver for storage publishes.
@Export
@Version("1.0.0")
@NullMarked
package helix.driver.api.block;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
