package helix.hal.vhostuser;

import java.util.HashMap;
import java.util.Map;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;

/// A socket that a file `conf/vhostuser-NAME.cfg` asks for. It is attached as long as the file is
/// there; its back-end may come and go.
@Component(
        service = {},
        immediate = true,
        configurationPid = "vhostuser",
        configurationPolicy = ConfigurationPolicy.REQUIRE)
public final class ConfiguredPeer {
    private final VhostUserHub hub;
    private final String id;

    /// What is to be attached.
    @interface Settings {
        /// `blk` or `net`.
        ///
        /// @return the kind
        String type() default "blk";

        /// The socket.
        ///
        /// @return its path
        String path();

        /// Its name among what is attached.
        ///
        /// @return empty for the next free one
        String id() default "";

        /// A network device's address.
        ///
        /// @return empty for one made from the path
        String mac() default "";

        /// The most entries of a queue.
        ///
        /// @return 0 for the default
        int queue_size() default 0;

        /// Features that are kept from the driver: numbers of bits.
        ///
        /// @return empty for none
        String[] without() default {};
    }

    /// Attaches.
    ///
    /// @param hub where
    /// @param settings what
    @Activate
    public ConfiguredPeer(@Reference VhostUserHub hub, Settings settings) {
        this.hub = hub;
        Map<String, String> options = new HashMap<>();
        options.put("path", settings.path());
        put(options, "id", settings.id());
        put(options, "mac", settings.mac());
        put(options, "queue-size", settings.queue_size() == 0 ? "" : "" + settings.queue_size());
        put(options, "without", String.join(",", settings.without()));
        id = hub.attach(settings.type(), options);
    }

    private static void put(Map<String, String> options, String key, String value) {
        if (!value.isEmpty()) {
            options.put(key, value);
        }
    }

    /// Detaches.
    @Deactivate
    public void stop() {
        hub.detach(id);
    }
}
