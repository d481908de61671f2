package helix.modules.scan;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarInputStream;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.osgi.framework.Bundle;

/// Looks at all class files of a bundle, those in nested jars included, and at its manifest.
public final class BundleScanner {
    private final List<Finding> findings = new ArrayList<>();
    private final boolean mayLease;

    private BundleScanner(Map<String, String> headers) {
        this.mayLease = BundleRules.mayLease(headers);
        findings.addAll(BundleRules.check(headers));
    }

    /// Looks at an installed bundle.
    ///
    /// @param bundle the bundle
    /// @return what breaks a rule; empty for a good driver
    public static List<Finding> scan(Bundle bundle) {
        Map<String, String> headers = new HashMap<>();
        var given = bundle.getHeaders("");
        for (String header : Collections.list(given.keys())) {
            headers.put(header, given.get(header));
        }
        BundleScanner scanner = new BundleScanner(headers);
        var entries = bundle.findEntries("/", "*", true);
        while (entries != null && entries.hasMoreElements()) {
            URL entry = entries.nextElement();
            if (isCode(entry.getPath())) {
                try (InputStream in = entry.openStream()) {
                    scanner.code(entry.getPath(), in.readAllBytes());
                } catch (IOException e) {
                    scanner.unreadable(entry.getPath(), e);
                }
            }
        }
        return List.copyOf(scanner.findings);
    }

    /// Looks at a bundle's jar, or at a folder with what would be in it.
    ///
    /// @param bundle a jar or a folder
    /// @return what breaks a rule; empty for a good driver
    /// @throws IOException if it cannot be read
    public static List<Finding> scan(Path bundle) throws IOException {
        if (Files.isDirectory(bundle)) {
            return scanFolder(bundle);
        }
        try (JarInputStream jar = new JarInputStream(Files.newInputStream(bundle))) {
            BundleScanner scanner = new BundleScanner(headers(jar.getManifest()));
            scanner.entries(jar, "");
            return List.copyOf(scanner.findings);
        }
    }

    private static List<Finding> scanFolder(Path folder) throws IOException {
        Path manifest = folder.resolve("META-INF/MANIFEST.MF");
        Map<String, String> headers = Map.of();
        if (Files.exists(manifest)) {
            try (InputStream in = Files.newInputStream(manifest)) {
                headers = headers(new Manifest(in));
            }
        }
        BundleScanner scanner = new BundleScanner(headers);
        try (var files = Files.walk(folder)) {
            for (Path file : files.filter(f -> isCode(f.toString())).sorted().toList()) {
                scanner.code(folder.relativize(file).toString(), Files.readAllBytes(file));
            }
        }
        return List.copyOf(scanner.findings);
    }

    private static Map<String, String> headers(@org.jspecify.annotations.Nullable Manifest from) {
        Map<String, String> headers = new HashMap<>();
        Attributes attributes = from == null ? new Attributes() : from.getMainAttributes();
        attributes.forEach((key, value) -> headers.put(key.toString(), value.toString()));
        return headers;
    }

    private static boolean isCode(String path) {
        return path.endsWith(".class") || path.endsWith(".jar");
    }

    private void entries(ZipInputStream zip, String prefix) throws IOException {
        for (ZipEntry e = zip.getNextEntry(); e != null; e = zip.getNextEntry()) {
            if (isCode(e.getName())) {
                code(prefix + e.getName(), zip.readAllBytes());
            }
        }
    }

    private void code(String path, byte[] bytes) {
        try {
            if (path.endsWith(".jar")) {
                entries(new ZipInputStream(new ByteArrayInputStream(bytes)), path + "!/");
            } else {
                findings.addAll(ClassScanner.scan(bytes, mayLease));
            }
        } catch (IOException | IllegalArgumentException e) {
            unreadable(path, e);
        }
    }

    private void unreadable(String path, Exception e) {
        findings.add(new Finding(Rule.UNREADABLE, path, String.valueOf(e.getMessage())));
    }
}
