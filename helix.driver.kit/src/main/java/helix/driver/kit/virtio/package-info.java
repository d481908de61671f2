/// A virtio device and the machine around it in plain memory, for the tests of virtio drivers and
/// of virtqueues. The device's side of the rings is written from the specification alone, and takes
/// what a driver must not do for a failed test.
@Export
@Version("0.1.0")
@NullMarked
package helix.driver.kit.virtio;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
