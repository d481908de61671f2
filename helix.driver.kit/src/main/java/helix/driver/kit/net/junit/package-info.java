/// The cases as JUnit tests.
@Export
@Version("0.1.0")
@NullMarked
package helix.driver.kit.net.junit;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
