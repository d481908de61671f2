package helix.modules.internal.reload;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;

/// The jars of revisions, in a folder for each bundle that the platform began with:
///
/// | file | what |
/// | --- | --- |
/// | `current.jar` | the revision that was committed last |
/// | `previous.jar` | the one before, to go back to |
/// | `revision.properties` | their versions; the SHA-256 of the distribution's jar that they stand for |
/// | `rejected.properties` | by SHA-256 the jars that were rolled back, and why |
/// | `candidate-N.jar`, `running-N.jar` | while a reload lasts |
///
/// Each file is written beside its place and then moved there. The reloads of one folder follow
/// each other.
public final class RevisionStore {
    /// The SHA-256 of the distribution's jar; without it the revision ends with the platform.
    public static final String BASE = "base.sha256";

    private static final String SCHEME = "helix-revision:";
    private static final String CURRENT = "current.jar";
    private static final String PREVIOUS = "previous.jar";
    private static final String PROPERTIES = "revision.properties";
    private static final String REJECTED = "rejected.properties";
    private static final String CURRENT_VERSION = "current.version";
    private static final String PREVIOUS_VERSION = "previous.version";

    private final Path root;
    private final AtomicLong numbers = new AtomicLong();
    private final AtomicLong rejections = new AtomicLong();

    /// @param root the folder of the folders
    public RevisionStore(Path root) {
        this.root = root;
    }

    /// The bundle that the platform began with, of which a bundle is a revision.
    ///
    /// @param bundle an installed bundle
    /// @return that one's symbolic name
    public static String lineage(Bundle bundle) {
        String location = bundle.getLocation();
        if (isRevision(bundle)) {
            return location.substring(SCHEME.length(), location.lastIndexOf('/'));
        }
        return String.valueOf(bundle.getSymbolicName());
    }

    /// Whether a bundle was installed from here.
    ///
    /// @param bundle an installed bundle
    /// @return true if its jar is the present revision's
    public static boolean isRevision(Bundle bundle) {
        return bundle.getLocation().startsWith(SCHEME);
    }

    /// Whether a bundle was installed from here as a revision of another.
    ///
    /// @param bundle an installed bundle
    /// @param lineage that other's symbolic name
    /// @return true if it is
    public static boolean isRevisionOf(Bundle bundle, String lineage) {
        return isRevision(bundle) && lineage(bundle).equals(lineage);
    }

    /// A location for a bundle, not used before.
    ///
    /// @param lineage of which it is a revision
    /// @return the location
    public String newLocation(String lineage) {
        return SCHEME + lineage + "/" + numbers.incrementAndGet();
    }

    /// Forgets what a reload has left that came to nothing, or was cut off.
    ///
    /// @param lineage of which it was a revision
    public void clean(String lineage) {
        Path folder = root.resolve(lineage);
        if (!Files.isDirectory(folder)) {
            return;
        }
        try (var left = Files.newDirectoryStream(folder, "{candidate,running}-*")) {
            for (Path file : left) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Copies a jar that is to become the present revision.
    ///
    /// @param lineage of which it is a revision
    /// @param jar the jar
    /// @return the copy
    /// @throws IOException if it cannot be copied
    public Path stage(String lineage, Path jar) throws IOException {
        Path folder = Files.createDirectories(root.resolve(lineage));
        Path copy = folder.resolve("candidate-" + numbers.incrementAndGet() + ".jar");
        Files.copy(jar, copy, StandardCopyOption.REPLACE_EXISTING);
        return copy;
    }

    /// The jar of a bundle in service: from here or, if it was not installed from here, made of
    /// what the framework has of it, since the file it came from may be another by now.
    ///
    /// @param bundle the bundle
    /// @return its jar
    /// @throws IOException if it cannot be written
    public Path jarOf(Bundle bundle) throws IOException {
        Path folder = Files.createDirectories(root.resolve(lineage(bundle)));
        Path current = folder.resolve(CURRENT);
        if (isRevision(bundle) && Files.exists(current)) {
            return current;
        }
        Path jar = folder.resolve("running-" + numbers.incrementAndGet() + ".jar");
        TreeMap<String, URL> entries = new TreeMap<>();
        var all = bundle.findEntries("/", "*", true);
        if (all != null) {
            Collections.list(all).forEach(e -> entries.put(e.getPath().substring(1), e));
        }
        try (OutputStream out = Files.newOutputStream(jar);
                ZipOutputStream zip = new ZipOutputStream(out)) {
            String manifest = "META-INF/MANIFEST.MF"; // has to be the first
            URL first = entries.remove(manifest);
            if (first != null) {
                write(zip, manifest, first);
            }
            for (var entry : entries.entrySet()) {
                if (!entry.getKey().endsWith("/")) {
                    write(zip, entry.getKey(), entry.getValue());
                }
            }
        }
        return jar;
    }

    private static void write(ZipOutputStream zip, String name, URL content) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        entry.setTime(0); // the same bundle gives the same bytes
        zip.putNextEntry(entry);
        try (InputStream in = content.openStream()) {
            in.transferTo(zip);
        }
        zip.closeEntry();
    }

    /// The jar to go back to.
    ///
    /// @param bundle the bundle in service
    /// @return empty if there is none
    public Optional<Path> previousOf(Bundle bundle) {
        Path previous = root.resolve(lineage(bundle)).resolve(PREVIOUS);
        return isRevision(bundle) && Files.exists(previous)
                ? Optional.of(previous)
                : Optional.empty();
    }

    /// The jar that was committed last.
    ///
    /// @param lineage whose
    /// @return empty if there is none
    public Optional<Path> currentOf(String lineage) {
        Path current = root.resolve(lineage).resolve(CURRENT);
        return Files.exists(current) ? Optional.of(current) : Optional.empty();
    }

    /// Remembers that a jar was rolled back, until it is committed once more.
    ///
    /// @param lineage of which it is a revision
    /// @param jar the jar
    /// @param reason what it did wrong
    /// @throws IOException if it cannot be written
    public void reject(String lineage, Path jar, String reason) throws IOException {
        Path folder = root.resolve(lineage);
        Properties rejected = read(folder, REJECTED);
        rejected.setProperty(sha256(jar), reason);
        write(folder, REJECTED, rejected);
        rejections.incrementAndGet();
    }

    /// How often something was rejected, to tell that it is time to ask again.
    ///
    /// @return the count since the platform began
    public long rejections() {
        return rejections.get();
    }

    /// Why a jar was rolled back.
    ///
    /// @param jar a jar with the same bytes
    /// @return empty if it was not
    /// @throws IOException if something cannot be read
    public Optional<Rejection> rejection(Path jar) throws IOException {
        if (!Files.isDirectory(root)) {
            return Optional.empty();
        }
        String sha256 = sha256(jar);
        try (var folders = Files.newDirectoryStream(root, Files::isDirectory)) {
            for (Path folder : folders) {
                String reason = read(folder, REJECTED).getProperty(sha256);
                if (reason != null) {
                    return Optional.of(new Rejection(folder.getFileName().toString(), reason));
                }
            }
        }
        return Optional.empty();
    }

    /// What is remembered of a jar that was rolled back.
    ///
    /// @param lineage of which it was a revision
    /// @param reason what it did wrong
    public record Rejection(String lineage, String reason) {}

    private static void forgive(Path folder, Path jar) throws IOException {
        Properties rejected = read(folder, REJECTED);
        if (!rejected.isEmpty() && rejected.remove(sha256(jar)) != null) {
            write(folder, REJECTED, rejected);
        }
    }

    /// Makes a staged jar the present revision.
    ///
    /// @param staged the jar
    /// @param version its version
    /// @param old the bundle that it replaced, still installed
    /// @param oldJar that one's jar
    /// @param keep what to do
    /// @throws IOException if it cannot be
    public void commit(Path staged, String version, Bundle old, Path oldJar, Keep keep)
            throws IOException {
        Path folder = root.resolve(lineage(old));
        Path current = folder.resolve(CURRENT);
        Path previous = folder.resolve(PREVIOUS);
        Properties properties = read(folder, PROPERTIES);
        forgive(folder, staged);
        String base = baseOf(old, properties);
        if (!keep.previous) {
            Files.deleteIfExists(previous);
            properties.remove(PREVIOUS_VERSION);
        } else if (Files.mismatch(staged, oldJar) != -1) {
            Path draft = folder.resolve("running-" + numbers.incrementAndGet() + ".jar");
            Files.copy(oldJar, draft, StandardCopyOption.REPLACE_EXISTING);
            Files.move(draft, previous, StandardCopyOption.ATOMIC_MOVE);
            properties.setProperty(PREVIOUS_VERSION, old.getVersion().toString());
        } else if (!isRevision(old)) {
            Files.deleteIfExists(previous); // of an earlier life
            properties.remove(PREVIOUS_VERSION);
        }
        if (!oldJar.equals(current)) {
            Files.deleteIfExists(oldJar);
        }
        Files.move(staged, current, StandardCopyOption.ATOMIC_MOVE);
        properties.setProperty(CURRENT_VERSION, version);
        if (base == null || !keep.acrossRestart) {
            properties.remove(BASE);
        } else {
            properties.setProperty(BASE, base);
        }
        write(folder, PROPERTIES, properties);
    }

    private static void write(Path folder, String name, Properties properties) throws IOException {
        Path draft = folder.resolve(name + ".new");
        try (Writer writer = Files.newBufferedWriter(draft)) {
            properties.store(writer, null);
        }
        Files.move(draft, folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    /// What a commit leaves.
    ///
    /// @param previous whether one can go back to the revision that was replaced
    /// @param acrossRestart whether the new one runs again after a restart
    public record Keep(boolean previous, boolean acrossRestart) {}

    private static Properties read(Path folder, String name) throws IOException {
        Properties properties = new Properties();
        Path file = folder.resolve(name);
        if (Files.exists(file)) {
            try (Reader reader = Files.newBufferedReader(file)) {
                properties.load(reader);
            }
        }
        return properties;
    }

    private static @Nullable String baseOf(Bundle old, Properties properties) throws IOException {
        if (isRevision(old)) {
            return properties.getProperty(BASE);
        }
        String location = old.getLocation();
        Path file = location.startsWith("file:/") ? Path.of(URI.create(location)) : null;
        return file != null && Files.isRegularFile(file) ? sha256(file) : null;
    }

    /// What a jar is known by, whatever its name.
    public static String sha256(Path file) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // each Java platform has it
        }
    }
}
