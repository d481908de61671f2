/// What devices of two machines answer to the same scripts: QEMU's device models and the embedded
/// machine's, driven by registers, rings and messages and by none of our drivers.
@NullMarked
package helix.integration.conformance;

import org.jspecify.annotations.NullMarked;
