package helix.modules.internal;

import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What a person said about the drivers of devices, kept in `bindings.properties`: device id to
/// driver's name, or to nothing for a device that is to have none.
final class Overrides {
    static final String FILE = "bindings.properties";

    /// The driver's name of a device that is to have no driver.
    static final String UNBOUND = "";

    private static final Logger LOG = LoggerFactory.getLogger(Overrides.class);

    private final @Nullable Path file;
    private final Map<String, String> drivers = new HashMap<>();

    /// @param conf the folder, or null to forget them at the end
    Overrides(@Nullable Path conf) {
        this.file = conf == null ? null : conf.resolve(FILE);
        if (file == null || !Files.exists(file)) {
            return;
        }
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            LOG.warn("{} cannot be read, its bindings do not apply: {}", file, e.toString());
        }
        properties
                .stringPropertyNames()
                .forEach(id -> drivers.put(id, properties.getProperty(id).strip()));
    }

    synchronized @Nullable String driver(String deviceId) {
        return drivers.get(deviceId);
    }

    /// Sets or, with null, forgets what was said.
    synchronized void set(String deviceId, @Nullable String driver) {
        Map<String, String> wanted = new HashMap<>(drivers);
        if (driver == null) {
            wanted.remove(deviceId);
        } else {
            wanted.put(deviceId, driver);
        }
        if (!wanted.equals(drivers)) {
            save(wanted);
            drivers.clear();
            drivers.putAll(wanted);
        }
    }

    private void save(Map<String, String> wanted) {
        if (file == null) {
            return;
        }
        Properties properties = new Properties();
        properties.putAll(wanted);
        Path draft = file.resolveSibling(FILE + ".new");
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            try (Writer writer = Files.newBufferedWriter(draft)) {
                properties.store(
                        writer, "helix:bind and helix:unbind; nothing after = is no driver");
            }
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new helix.modules.api.ModuleError("cannot save " + file + ": " + e, e);
        }
    }
}
