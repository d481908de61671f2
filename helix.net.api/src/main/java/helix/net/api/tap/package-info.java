/// Bridges between network interfaces and the Linux kernel.
@Export
@Version("1.0.0")
@NullMarked
package helix.net.api.tap;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
