package helix.modules.internal.deploy;

import helix.modules.api.reload.ReloadReport;
import helix.modules.internal.reload.RevisionStore;
import java.nio.file.Path;

/// What the deploy folder wants of the reload engine.
public interface DriverUpdates {
    /// Puts a deployed jar in the place of a driver that runs.
    ///
    /// @param driver the driver's name
    /// @param jar the new revision
    /// @return what happened
    ReloadReport deploy(String driver, Path jar);

    /// The revisions' jars.
    ///
    /// @return where they are, and which were rolled back
    RevisionStore revisions();
}
