package helix.modules.internal;

import helix.modules.api.DriverModule;
import helix.modules.internal.FilterTerm.Score;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.Version;
import org.osgi.service.component.ComponentConstants;
import org.osgi.service.component.ComponentFactory;
import org.osgi.service.component.runtime.ServiceComponentRuntime;
import org.osgi.service.component.runtime.dto.ComponentDescriptionDTO;

/// A driver: its component factory and what [DriverModule] says of it.
///
/// Declarative Services put only a factory's own properties on its service, not those of its
/// component, where a component property type such as [DriverModule] ends up: they are asked of the
/// component runtime.
record Driver(
        String name,
        String description,
        String prefix,
        List<Match> matches,
        Version version,
        Bundle bundle,
        long serviceId,
        @Nullable ServiceReference<ComponentFactory<?>> factory,
        List<Need> needs) {
    private static final long NO_SERVICE = -1;

    /// The better of two drivers that match equally well comes first.
    static final Comparator<Driver> ORDER =
            Comparator.comparing(Driver::version)
                    .reversed()
                    .thenComparing(Driver::name)
                    .thenComparingLong(Driver::serviceId);

    /// A filter over devices.
    record Match(String text, FilterTerm term) {}

    /// A service that the component cannot do without.
    record Need(String reference, String type) {}

    /// Reads what a factory's component says.
    ///
    /// @throws IllegalArgumentException if it does not say enough, naming what is missing
    static Driver of(
            ServiceReference<ComponentFactory<?>> factory, ServiceComponentRuntime components) {
        Bundle bundle = factory.getBundle();
        String component = String.valueOf(factory.getProperty(ComponentConstants.COMPONENT_NAME));
        ComponentDescriptionDTO description =
                bundle == null ? null : components.getComponentDescriptionDTO(bundle, component);
        if (bundle == null || description == null) {
            throw new IllegalArgumentException("component " + component + " is gone");
        }
        return of(bundle, description, factory);
    }

    /// The drivers whose factories may be there or not, for a list of them.
    static List<Driver> all(BundleContext context, ServiceComponentRuntime components) {
        List<Driver> drivers = new ArrayList<>();
        for (ComponentDescriptionDTO description : components.getComponentDescriptionDTOs()) {
            Bundle bundle = context.getBundle(description.bundle.id);
            if (DriverModule.FACTORY.equals(description.factory)
                    && bundle != null
                    && text(description.properties, "name") != null) {
                drivers.add(of(bundle, description, null));
            }
        }
        return drivers;
    }

    private static Driver of(
            Bundle bundle,
            ComponentDescriptionDTO description,
            @Nullable ServiceReference<ComponentFactory<?>> factory) {
        String component = description.name;
        String name = text(description.properties, "name");
        if (name == null) {
            throw new IllegalArgumentException(
                    component + " is no driver: it lacks @DriverModule (driver.name)");
        }
        String prefix = text(description.properties, "prefix");
        List<Match> matches =
                texts(description.properties.get(DriverModule.PREFIX_ + "match")).stream()
                        .map(m -> new Match(m, FilterTerm.parse(m)))
                        .toList();
        List<Need> needs =
                Arrays.stream(description.references)
                        .filter(r -> r.cardinality.startsWith("1"))
                        .map(r -> new Need(r.name, r.interfaceName))
                        .toList();
        String text = text(description.properties, "description");
        return new Driver(
                name,
                text == null ? "" : text,
                prefix == null || prefix.isEmpty() ? name : prefix,
                matches,
                bundle.getVersion(),
                bundle,
                factory == null ? NO_SERVICE : (Long) factory.getProperty(Constants.SERVICE_ID),
                factory,
                needs);
    }

    /// Whether it is the same component of the same bundle.
    boolean isSame(Driver other) {
        return bundle.equals(other.bundle) && name.equals(other.name);
    }

    Score score(Map<String, ?> device) {
        return matches.stream()
                .map(m -> m.term.score(device))
                .max(Comparator.naturalOrder())
                .orElse(Score.NONE);
    }

    private static @Nullable String text(Map<String, Object> properties, String key) {
        Object value = properties.get(DriverModule.PREFIX_ + key);
        return value == null ? null : value.toString();
    }

    private static List<String> texts(@Nullable Object value) {
        return switch (value) {
            case null -> List.of();
            case String[] several -> List.of(several);
            default -> List.of(value.toString());
        };
    }
}
