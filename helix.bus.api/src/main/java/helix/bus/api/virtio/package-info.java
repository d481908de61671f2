/// Virtio devices, whatever they are attached to.
@Export
@Version("1.0.0")
@NullMarked
package helix.bus.api.virtio;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
