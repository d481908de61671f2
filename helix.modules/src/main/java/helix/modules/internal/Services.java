package helix.modules.internal;

import helix.hal.api.ChildDevice;
import helix.hal.api.Device;
import helix.modules.api.DriverModule;
import helix.modules.api.ModuleContext.Registration;
import helix.modules.api.ModuleError;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;

/// The class services that a module has published. They are registered in the name of the driver's
/// bundle, whose class loader knows their interfaces.
final class Services {
    /// Service property: the number of the module's generation.
    static final String GENERATION = "module.generation";

    /// Service property: the module's name.
    static final String MODULE = "module.name";

    private final List<Published> published = new ArrayList<>();
    private boolean closed;

    /// Registers a service under an interface, with properties that say whose it is.
    <T> Registration publish(
            BundleContext context,
            Owner owner,
            Class<T> type,
            T service,
            Map<String, ?> properties) {
        Map<String, Object> all = new HashMap<>(properties);
        if (service instanceof Device found) { // a bus driver's, with an identity of its own
            all.put(Device.ID, found.id());
            all.put(Device.BUS, found.bus());
            all.put(Device.MACHINE, found.machine());
        } else {
            all.put(Device.ID, owner.deviceId);
        }
        all.put(DriverModule.PREFIX_ + "name", owner.driver);
        all.put(MODULE, owner.module);
        all.put(GENERATION, owner.generation);
        Published one =
                new Published(
                        service instanceof Device found
                                ? type.getSimpleName() + " " + found.id()
                                : label(type, properties),
                        service instanceof Device child ? child.id() : null,
                        register(context, type, service, all));
        boolean late;
        synchronized (published) {
            late = closed;
            if (!late) {
                published.add(one);
            }
        }
        if (late) {
            one.withdraw();
            throw new ModuleError(owner.module + " is being stopped and publishes nothing more");
        }
        return () -> {
            synchronized (published) {
                published.remove(one);
            }
            one.withdraw();
        };
    }

    /// A device that was found is also there for those who look at devices of any bus.
    private static <T> ServiceRegistration<?> register(
            BundleContext context, Class<T> type, T service, Map<String, Object> properties) {
        if (service instanceof ChildDevice) {
            String[] types = {type.getName(), ChildDevice.class.getName()};
            return context.registerService(types, service, FrameworkUtil.asDictionary(properties));
        }
        return context.registerService(type, service, FrameworkUtil.asDictionary(properties));
    }

    /// What there is, as a person names it: `BlockDevice nvme0n1`.
    List<String> labels() {
        synchronized (published) {
            return published.stream().map(Published::label).toList();
        }
    }

    /// The ids of what is a device itself: a bus driver's.
    List<String> devices() {
        synchronized (published) {
            return published.stream().map(Published::deviceId).filter(Objects::nonNull).toList();
        }
    }

    /// Withdraws all, the last first, and takes no more.
    void close() {
        List<Published> all;
        synchronized (published) {
            closed = true;
            all = List.copyOf(published).reversed();
            published.clear();
        }
        all.forEach(Published::withdraw);
    }

    /// A service's own name is in the property that ends so, such as `block.name`.
    private static String label(Class<?> type, Map<String, ?> properties) {
        return properties.entrySet().stream()
                .filter(e -> e.getKey().endsWith(".name"))
                .map(e -> type.getSimpleName() + " " + e.getValue())
                .findFirst()
                .orElse(type.getSimpleName());
    }

    /// Whose services these are.
    record Owner(String deviceId, String driver, String module, long generation) {}

    private record Published(
            String label,
            @Nullable String deviceId,
            ServiceRegistration<?> registration,
            AtomicBoolean withdrawn) {
        Published(String label, @Nullable String deviceId, ServiceRegistration<?> registration) {
            this(label, deviceId, registration, new AtomicBoolean());
        }

        void withdraw() {
            if (!withdrawn.compareAndSet(false, true)) {
                return;
            }
            try {
                registration.unregister();
            } catch (IllegalStateException e) {
                // The framework was first: the driver's bundle has been stopped.
                org.slf4j.LoggerFactory.getLogger(Services.class)
                        .debug("{} was already withdrawn", label);
            }
        }
    }
}
