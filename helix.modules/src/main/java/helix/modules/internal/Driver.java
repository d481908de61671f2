package helix.modules.internal;

import helix.modules.api.DriverModule;
import helix.modules.internal.FilterTerm.Score;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.Bundle;
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
        ServiceReference<ComponentFactory<?>> factory,
        List<Need> needs) {
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
                (Long) factory.getProperty(Constants.SERVICE_ID),
                factory,
                needs);
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
