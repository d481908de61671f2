/// Reads a driver's class files for what a driver must not do. The binder asks before it uses a
/// bundle, and the build before it ships one. It guards against mistakes, not against malice.
@NullMarked
package helix.modules.scan;

import org.jspecify.annotations.NullMarked;
