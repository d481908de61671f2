package helix.net.internal;

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

/// Which name each hardware address has, kept in the instance's `interfaces.properties`, so that a
/// card has its name again after a restart, whatever was plugged in before it. A line removed there
/// frees a name.
final class InterfaceNames {
    static final String FILE = "interfaces.properties";

    private static final String PREFIX = "net";
    private static final Logger LOG = LoggerFactory.getLogger(InterfaceNames.class);

    private final @Nullable Path file;
    private final Map<String, String> names = new HashMap<>();

    /// @param conf the folder, or null to forget them at the end
    InterfaceNames(@Nullable Path conf) {
        file = conf == null ? null : conf.resolve(FILE);
        if (file == null || !Files.exists(file)) {
            return;
        }
        Properties known = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            known.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            LOG.warn("{} cannot be read, interfaces are named anew: {}", file, e.toString());
        }
        for (String key : known.stringPropertyNames()) {
            String name = known.getProperty(key).strip();
            if (name.isEmpty() || names.containsValue(name)) {
                LOG.warn("{}: '{}' is no name for {}, which is named anew", file, name, key);
            } else {
                names.put(key, name);
            }
        }
    }

    /// The name of an interface: the one it had, else the one with the number of its driver's
    /// module, which goes by address, else the next that nobody has.
    ///
    /// @param key hardware address, and the device where that is not enough
    synchronized String of(String key, int number) {
        String known = names.get(key);
        if (known != null) {
            return known;
        }
        String name = PREFIX + number;
        for (int next = 0; names.containsValue(name); next++) {
            name = PREFIX + next;
        }
        names.put(key, name);
        save();
        return name;
    }

    private void save() {
        if (file == null) {
            return;
        }
        Properties properties = new Properties();
        properties.putAll(names);
        Path draft = file.resolveSibling(FILE + ".new");
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            try (Writer writer = Files.newBufferedWriter(draft)) {
                properties.store(writer, "names of network interfaces by hardware address");
            }
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            // The interface is worth more than its name after a restart.
            LOG.warn("names of interfaces are not kept: {}", e.toString());
        }
    }
}
