/// Serial ports. Provisional: no driver implements it yet.
@Export
@Version("0.1.0")
@NullMarked
package helix.driver.api.serial;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
