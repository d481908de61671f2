/// What drivers write register maps with: [helix.registers.Bits] for fields,
/// [helix.registers.Await] for waits that end.
@Export
@Version("1.0.0")
@NullMarked
package helix.registers;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
