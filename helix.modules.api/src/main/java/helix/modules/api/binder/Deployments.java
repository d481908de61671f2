package helix.modules.api.binder;

import java.nio.file.Path;
import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/// The bundles that the deploy folder has brought, and those that it could not bring.
///
/// A jar is looked at before anything is changed: one that needs what is not here, or a driver that
/// does what a driver must not, is refused, and what ran before it runs on.
@ProviderType
public interface Deployments {
    /// The jars in the folder.
    ///
    /// @return a snapshot, by file name
    List<Deployment> list();

    /// Puts a jar into the folder, and waits until it is in use. A jar of that name that was there
    /// before is replaced.
    ///
    /// @param jar a bundle
    /// @return what became of it; a refused jar is not put there
    /// @throws helix.modules.api.ModuleError if the file cannot be read or copied, naming it
    Deployment install(Path jar);

    /// What can become of a jar.
    enum State {
        /// Its bundle is active.
        ACTIVE,
        /// It is no bundle, needs what is not here, or does what a driver must not.
        REFUSED,
        /// Its bundle is installed, but could not be started.
        FAILED
    }

    /// A jar.
    ///
    /// @param file its name
    /// @param bundle the symbolic name, empty if it has none
    /// @param version the version of the bundle in use, empty if none is
    /// @param state what became of it
    /// @param message why it is not in use, in one line, else empty
    record Deployment(String file, String bundle, String version, State state, String message) {}
}
