/// Captures frames into pcapng files.
@NullMarked
package helix.net.capture.internal;

import org.jspecify.annotations.NullMarked;
