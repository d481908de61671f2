package helix.integration;

import aQute.bnd.osgi.Builder;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;

/// Makes driver bundles of the packages below `helix.integration.drivers`.
final class DriverJar {
    private DriverJar() {}

    /// Writes a bundle as a person would put it into a folder: there at once.
    ///
    /// @param file where to
    /// @param name the package; the symbolic name is this after `test.`
    /// @param version the bundle's
    /// @param headers further instructions for bnd
    /// @return the file
    static Path write(Path file, String name, String version, Map<String, String> headers)
            throws Exception {
        try (Builder builder = new Builder()) {
            builder.setBundleSymbolicName("test." + name);
            builder.setBundleVersion(version);
            builder.setPrivatePackage("helix.integration.drivers." + name);
            builder.setProperty("Import-Package", "!org.jspecify.annotations, *");
            builder.setProperty("-dsannotations-options", "norequirements");
            headers.forEach(builder::setProperty);
            for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
                File path = new File(entry);
                if (path.exists()) {
                    builder.addClasspath(path);
                }
            }
            builder.build();
            if (!builder.getErrors().isEmpty()) {
                throw new IOException(file + ": " + builder.getErrors());
            }
            Path draft = file.resolveSibling(file.getFileName() + ".draft");
            builder.getJar().write(draft.toFile());
            return Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        }
    }
}
