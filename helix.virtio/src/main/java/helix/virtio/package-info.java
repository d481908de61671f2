/// Virtqueues and bring-up: Virtual I/O Device (VIRTIO) Version 1.2. The state of a queue lives in
/// its memory, so that the next generation of a driver can go on with it.
@Export
@Version("1.0.0")
@NullMarked
package helix.virtio;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
