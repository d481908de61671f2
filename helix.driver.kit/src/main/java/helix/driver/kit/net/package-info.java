/// What a network device must keep to, as cases that any device can be put to, and a reference
/// device.
@Export
@Version("0.1.0")
@NullMarked
package helix.driver.kit.net;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
