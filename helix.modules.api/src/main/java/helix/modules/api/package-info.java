/// What a driver implements ([Module], ModuleTrait version 2 in Java) and what it is given
/// ([ModuleContext]).
///
/// A driver is a Declarative Services component factory: a class annotated with `@Component(factory
/// = DriverModule.FACTORY)` and [DriverModule]. The binder makes one instance for each device whose
/// properties match and takes it through [Module#init], [Module#start] and [Module#stop].
@Export
@Version("1.1.0")
@NullMarked
package helix.modules.api;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
