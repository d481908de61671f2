package helix.launcher;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// The revisions of drivers that were committed in an instance: after a restart they run in place
/// of the distribution's, unless that has changed since.
///
/// The reload engine writes them, `revisions/<symbolic name>/current.jar`, and beside it
/// `revision.properties` with the SHA-256 of the distribution's jar.
///
/// @param root the folder `revisions` of an instance
record Revisions(Path root) {
    /// A revision's place in the framework begins so; the reload engine knows it by that.
    private static final String SCHEME = "helix-revision:";

    private static final String BASE = "base.sha256";

    /// What to install.
    ///
    /// @param location the bundle's location
    /// @param jar its jar
    record Choice(String location, Path jar) {}

    /// The revision of a bundle of the distribution, or that bundle itself.
    Choice of(Path jar) {
        String file = jar.getFileName().toString();
        String name = file.substring(0, file.length() - ".jar".length());
        Path folder = root.resolve(name);
        Path current = folder.resolve("current.jar");
        Choice own = new Choice(jar.toUri().toString(), jar);
        if (!Files.isRegularFile(current)) {
            return own;
        }
        try {
            String base = base(folder);
            if (base == null) {
                return own; // the deploy folder's: it brings its own
            }
            if (base.equals(sha256(jar))) {
                return new Choice(SCHEME + name + "/0", current);
            }
            System.err.println(
                    "helix: " + name + " has changed: its revision in " + folder + " is dropped");
            for (String left :
                    new String[] {"current.jar", "previous.jar", "revision.properties"}) {
                Files.deleteIfExists(folder.resolve(left));
            }
        } catch (IOException e) {
            System.err.println("helix: the revision in " + folder + " cannot be used: " + e);
        }
        return own;
    }

    private static @Nullable String base(Path folder) throws IOException {
        Path file = folder.resolve("revision.properties");
        if (!Files.exists(file)) {
            return null;
        }
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
        return properties.getProperty(BASE);
    }

    private static String sha256(Path file) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // each Java platform has it
        }
    }
}
