package helix.shell.blk.soak;

import java.io.IOException;
import java.nio.file.Path;

/// A jar that can stand for a driver's.
public final class DriverJar {
    private DriverJar() {}

    public static Path make(Path jar) throws IOException {
        return DriverBuildsTest.bundle(jar);
    }
}
