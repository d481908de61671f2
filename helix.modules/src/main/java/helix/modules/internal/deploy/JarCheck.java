package helix.modules.internal.deploy;

import helix.modules.api.DriverModule;
import helix.modules.internal.deploy.ManifestHeader.Clause;
import helix.modules.internal.reload.RevisionStore;
import helix.modules.scan.BundleScanner;
import helix.modules.scan.Finding;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.Version;
import org.osgi.framework.VersionRange;
import org.osgi.framework.namespace.PackageNamespace;
import org.osgi.framework.wiring.BundleCapability;
import org.osgi.framework.wiring.BundleRevision;

/// Looks at a jar before anything is done with it, because the framework can only replace a bundle
/// first and find out then that the new one does not resolve.
public final class JarCheck {
    /// What a jar is.
    ///
    /// @param name the symbolic name, empty if it has none
    /// @param version the bundle's version
    /// @param refusal why it is not brought into use, or null
    public record Result(String name, String version, @Nullable String refusal) {}

    /// So many verdicts are kept: somebody who goes to and fro between two revisions need not wait
    /// for the scanner each time.
    private static final int VERDICTS = 16;

    private final BundleContext context;

    /// What the scanner found, by the SHA-256 of the jar; the one asked for longest ago goes first.
    /// Guarded by itself.
    private final Map<String, List<Finding>> verdicts =
            new LinkedHashMap<>(VERDICTS, 0.75f, true) {
                private static final long serialVersionUID = 1;

                @Override
                protected boolean removeEldestEntry(Map.Entry<String, List<Finding>> eldest) {
                    return size() > VERDICTS;
                }
            };

    public JarCheck(BundleContext context) {
        this.context = context;
    }

    /// Looks at a jar.
    ///
    /// @param location of the bundle that it would replace; what that one exports does not count
    public Result check(Path jar, String location) {
        Attributes headers;
        boolean isDriver;
        try (JarFile file = new JarFile(jar.toFile())) {
            Manifest manifest = file.getManifest();
            headers = manifest == null ? new Attributes() : manifest.getMainAttributes();
            isDriver = isDriver(file, headers);
        } catch (IOException e) {
            return new Result("", "", "it is no jar: " + e.getMessage());
        }
        String symbolicName = headers.getValue(Constants.BUNDLE_SYMBOLICNAME);
        if (symbolicName == null) {
            return new Result("", "", "it is no bundle: it has no Bundle-SymbolicName");
        }
        String name = ManifestHeader.parse(symbolicName).getFirst().path();
        String version = headers.getValue(Constants.BUNDLE_VERSION);
        version = version == null ? Version.emptyVersion.toString() : version.strip();
        try {
            Version.parseVersion(version);
            String refusal = missing(headers, location);
            if (refusal == null && isDriver) {
                List<Finding> findings = findings(jar);
                refusal = findings.isEmpty() ? null : Finding.summary(findings);
            }
            return new Result(name, version, refusal);
        } catch (IOException | IllegalArgumentException e) {
            return new Result(name, version, "it cannot be read: " + e.getMessage());
        }
    }

    private List<Finding> findings(Path jar) throws IOException {
        String hash = RevisionStore.sha256(jar);
        synchronized (verdicts) {
            List<Finding> known = verdicts.get(hash);
            if (known != null) {
                return known;
            }
        }
        List<Finding> findings = BundleScanner.scan(jar);
        synchronized (verdicts) {
            verdicts.put(hash, findings);
        }
        return findings;
    }

    /// Whether one of its components is a factory of modules.
    private static boolean isDriver(JarFile jar, Attributes headers) throws IOException {
        String components = headers.getValue("Service-Component");
        if (components == null) {
            return false;
        }
        for (Clause component : ManifestHeader.parse(components)) {
            ZipEntry entry = jar.getEntry(component.path());
            if (entry != null) {
                try (InputStream in = jar.getInputStream(entry)) {
                    String xml = new String(in.readAllBytes(), StandardCharsets.UTF_8);
                    if (xml.contains("factory=\"" + DriverModule.FACTORY + "\"")) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /// What it imports that is not here: each package with the versions that would do and those
    /// that there are.
    private @Nullable String missing(Attributes headers, String location) {
        String imports = headers.getValue(Constants.IMPORT_PACKAGE);
        if (imports == null) {
            return null;
        }
        String exports = headers.getValue(Constants.EXPORT_PACKAGE);
        Set<String> own = new HashSet<>();
        if (exports != null) {
            ManifestHeader.parse(exports).forEach(c -> own.add(c.path()));
        }
        List<String> missing = new ArrayList<>();
        for (Clause wanted : ManifestHeader.parse(imports)) {
            String resolution = wanted.directives().get(Constants.RESOLUTION_DIRECTIVE);
            boolean optional = Constants.RESOLUTION_OPTIONAL.equals(resolution);
            if (!optional && !own.contains(wanted.path())) {
                String range = wanted.attributes().getOrDefault(Constants.VERSION_ATTRIBUTE, "0");
                Set<Version> here = versions(wanted.path(), location);
                if (here.stream().noneMatch(VersionRange.valueOf(range)::includes)) {
                    missing.add(
                            "%s %s, here is %s"
                                    .formatted(wanted.path(), range, versionsText(here)));
                }
            }
        }
        return missing.isEmpty() ? null : "it needs " + String.join("; ", missing);
    }

    private static String versionsText(Set<Version> versions) {
        return versions.isEmpty()
                ? "none"
                : versions.stream().map(Version::toString).collect(Collectors.joining(", "));
    }

    private Set<Version> versions(String packageName, String location) {
        Set<Version> versions = new TreeSet<>();
        for (Bundle bundle : context.getBundles()) {
            BundleRevision revision = bundle.adapt(BundleRevision.class);
            if (revision == null || bundle.getLocation().equals(location)) {
                continue;
            }
            for (BundleCapability exported :
                    revision.getDeclaredCapabilities(PackageNamespace.PACKAGE_NAMESPACE)) {
                var attributes = exported.getAttributes();
                if (packageName.equals(attributes.get(PackageNamespace.PACKAGE_NAMESPACE))
                        && attributes.get(PackageNamespace.CAPABILITY_VERSION_ATTRIBUTE)
                                instanceof Version version) {
                    versions.add(version);
                }
            }
        }
        return versions;
    }
}
