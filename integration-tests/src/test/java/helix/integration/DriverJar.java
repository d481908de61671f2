package helix.integration;

import aQute.bnd.osgi.Builder;
import aQute.bnd.osgi.Jar;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;

/// Makes driver bundles of the packages below `helix.integration.drivers`.
final class DriverJar {
    /// The defects, and none, that the NVMe driver can have.
    static final List<String> KINDS =
            List.of(
                    "Good",
                    "MakesThread",
                    "ThrowsInInit",
                    "ThrowsInStart",
                    "HangsInInit",
                    "HangsInStop",
                    "ShiftsReads",
                    "LoopsInAgent",
                    "ThrowsInHandler",
                    "CrashesLater");

    private static final String PACKAGES = "helix.integration.drivers.";
    private static final String NVME = "helix.driver.block.nvme";

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
            builder.setPrivatePackage(PACKAGES + name);
            headers.forEach(builder::setProperty);
            build(builder, file);
            return move(builder, file);
        }
    }

    /// Writes another revision of the NVMe driver's bundle: the real driver's classes, and one of
    /// those that wrap it as its component.
    ///
    /// @param file where to
    /// @param kind the simple name of a class in `helix.integration.drivers.nvme`
    /// @param version the bundle's
    /// @param headers further instructions for bnd
    /// @return the file
    static Path writeNvme(Path file, String kind, String version, Map<String, String> headers)
            throws Exception {
        String wrappers = PACKAGES + "nvme";
        try (Builder builder = new Builder()) {
            builder.setBundleSymbolicName(NVME);
            builder.setBundleVersion(version);
            builder.setPrivatePackage(NVME + ", " + wrappers);
            builder.setProperty("-dsannotations", wrappers + "." + kind);
            headers.forEach(builder::setProperty);
            build(builder, file);
            Jar jar = builder.getJar();
            List<String> others =
                    jar.getResources().keySet().stream()
                            .filter(r -> isOther(r, wrappers.replace('.', '/') + "/", kind))
                            .toList();
            others.forEach(jar::remove);
            return move(builder, file);
        }
    }

    /// Whether a class is a component of another kind, which would be scanned with this one.
    private static boolean isOther(String resource, String folder, String kind) {
        if (!resource.startsWith(folder)) {
            return false;
        }
        String name = resource.substring(folder.length()).replaceAll("[$.].*", "");
        return KINDS.contains(name) && !name.equals(kind);
    }

    private static void build(Builder builder, Path file) throws Exception {
        if (builder.getProperty("Import-Package") == null) {
            builder.setProperty("Import-Package", "!org.jspecify.annotations, *");
        }
        builder.setProperty("-dsannotations-options", "norequirements");
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
    }

    private static Path move(Builder builder, Path file) throws Exception {
        Path draft = file.resolveSibling(file.getFileName() + ".draft");
        builder.getJar().write(draft.toFile());
        return Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }
}
