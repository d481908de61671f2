/// The block subsystem: disks with stable names that outlive their drivers.
@Export
@Version("1.0.0")
@NullMarked
package helix.block.api;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
