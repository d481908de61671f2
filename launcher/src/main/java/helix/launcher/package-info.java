/// The process behind `./helix`: chooses a machine, keeps the instance directory, starts the OSGi
/// framework, and hands the rest to the platform.
@NullMarked
package helix.launcher;

import org.jspecify.annotations.NullMarked;
