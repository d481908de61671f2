/// A small IPv4 stack over network interfaces.
@Export
@Version("1.0.0")
@NullMarked
package helix.net.api.ip;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
