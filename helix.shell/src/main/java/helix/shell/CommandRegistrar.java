package helix.shell;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.felix.service.command.Function;
import org.osgi.framework.BundleContext;
import org.osgi.framework.FrameworkUtil;
import org.osgi.framework.ServiceRegistration;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;

/// Registers each command of the [Catalog] as a Gogo function of its own. Methods of one service
/// would not do: `id-ctrl` is no name for a method.
@Component(service = {})
public final class CommandRegistrar {
    private final List<ServiceRegistration<Function>> registrations = new ArrayList<>();

    /// Made by Declarative Services.
    ///
    /// @param context this bundle's
    /// @param platform what the commands see
    @Activate
    public CommandRegistrar(BundleContext context, @Reference Platform platform) {
        new Catalog(platform)
                .functions()
                .forEach((name, f) -> registrations.add(register(context, name, f)));
    }

    private static ServiceRegistration<Function> register(
            BundleContext context, String name, Function function) {
        int colon = name.indexOf(':');
        Map<String, String> properties =
                Map.of(
                        "osgi.command.scope",
                        name.substring(0, colon),
                        "osgi.command.function",
                        name.substring(colon + 1));
        return context.registerService(
                Function.class, function, FrameworkUtil.asDictionary(properties));
    }

    @Deactivate
    void withdraw() {
        registrations.forEach(ServiceRegistration::unregister);
    }
}
