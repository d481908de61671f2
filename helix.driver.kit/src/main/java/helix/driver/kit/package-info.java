/// What a driver must keep to, as tests that any device can be put to, and reference devices.
@Export
@Version("0.1.0")
@NullMarked
package helix.driver.kit;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
