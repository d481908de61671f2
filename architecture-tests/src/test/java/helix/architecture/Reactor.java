package helix.architecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import org.jspecify.annotations.Nullable;

/// The bundles of the reactor, as Maven gives them: jars after `package`, folders before.
final class Reactor {
    private Reactor() {}

    /// Symbolic name → jar or folder.
    static Map<String, Path> bundles() throws IOException {
        Map<String, Path> bundles = new TreeMap<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path path = Path.of(entry);
            Manifest manifest = manifest(path);
            String name =
                    manifest == null
                            ? null
                            : manifest.getMainAttributes().getValue("Bundle-SymbolicName");
            if (name != null && name.startsWith("helix.")) {
                bundles.put(name, path);
            }
        }
        return bundles;
    }

    private static @Nullable Manifest manifest(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            Path file = path.resolve("META-INF/MANIFEST.MF");
            if (!Files.exists(file)) {
                return null;
            }
            try (InputStream in = Files.newInputStream(file)) {
                return new Manifest(in);
            }
        }
        if (!Files.exists(path)) {
            return null;
        }
        try (JarFile jar = new JarFile(path.toFile())) {
            return jar.getManifest();
        }
    }

    /// All their classes.
    static JavaClasses classes() throws IOException {
        return new ClassFileImporter().importPaths(bundles().values());
    }
}
