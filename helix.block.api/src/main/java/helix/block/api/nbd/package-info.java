/// Serving disks to other programs by the NBD protocol.
@Export
@Version("1.0.0")
@NullMarked
package helix.block.api.nbd;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
