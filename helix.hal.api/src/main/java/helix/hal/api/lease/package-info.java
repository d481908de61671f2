/// Granting and ending leases: for the binder, and for bus drivers that pass a part of their own
/// right on. No other driver imports this package; the class-file scanner refuses one that does.
@Export
@Version("1.0.0")
@NullMarked
package helix.hal.api.lease;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
