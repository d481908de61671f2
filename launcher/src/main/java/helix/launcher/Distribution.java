package helix.launcher;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The installed tree: `lib/` the launcher's class path, `bundles/`, `conf/`.
///
/// @param home its root
record Distribution(Path home) {
    /// The distribution that this class was loaded from.
    static Distribution current() {
        String property = System.getProperty("helix.home");
        if (property != null) {
            return new Distribution(Path.of(property).toAbsolutePath().normalize());
        }
        try {
            Path jar =
                    Path.of(
                            Distribution.class
                                    .getProtectionDomain()
                                    .getCodeSource()
                                    .getLocation()
                                    .toURI());
            return new Distribution(jar.resolve("../..").normalize());
        } catch (URISyntaxException e) {
            throw new Failure("cannot tell where Helix is installed: " + e.getMessage(), e);
        }
    }

    Path conf() {
        return home.resolve("conf");
    }

    Path launcherJar() {
        return home.resolve("lib/helix.jar");
    }

    /// The bundles of every instance, by file name.
    List<Path> bundles() {
        Path folder = home.resolve("bundles");
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> f.toString().endsWith(".jar")).sorted().toList();
        } catch (IOException e) {
            throw new Failure("no bundles in " + folder + ": build Helix first", e);
        }
    }

    /// Whether there is a bundle of that symbolic name.
    boolean hasBundle(String symbolicName) {
        return Files.exists(home.resolve("bundles").resolve(symbolicName + ".jar"));
    }
}
