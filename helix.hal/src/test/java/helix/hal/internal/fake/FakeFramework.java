package helix.hal.internal.fake;

import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Dictionary;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/// As much of an OSGi framework as publishes services: who publishes what, in which order.
public final class FakeFramework {
    private final Map<String, String> properties = new HashMap<>();
    private final List<Service> services = new ArrayList<>();
    private final List<Consumer<Object>> onUnregistering = new CopyOnWriteArrayList<>();

    /// A published service.
    public record Service(List<String> types, Object object, Map<String, Object> properties) {}

    /// Sets a framework property.
    public FakeFramework property(String name, String value) {
        properties.put(name, value);
        return this;
    }

    /// Calls somebody while a service is being withdrawn, as a service listener would be.
    public void onUnregistering(Consumer<Object> listener) {
        onUnregistering.add(listener);
    }

    /// What is published now, in order.
    public synchronized List<Service> services() {
        return List.copyOf(services);
    }

    /// Objects of a type that are published now.
    public <T> List<T> objects(Class<T> type) {
        return services().stream()
                .map(Service::object)
                .filter(type::isInstance)
                .map(type::cast)
                .toList();
    }

    /// Waits for a service.
    public synchronized <T> T await(Class<T> type, Predicate<T> condition, long seconds)
            throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (true) {
            Optional<T> found = objects(type).stream().filter(condition).findFirst();
            long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            if (found.isPresent()) {
                return found.get();
            }
            if (left <= 0) {
                throw new AssertionError(
                        "no " + type.getSimpleName() + " within " + seconds + " s");
            }
            wait(left);
        }
    }

    /// Waits until a service is withdrawn.
    public synchronized void awaitGone(Object object, long seconds) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (services.stream().anyMatch(s -> s.object == object)) {
            long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            if (left <= 0) {
                throw new AssertionError(object + " is still there after " + seconds + " s");
            }
            wait(left);
        }
    }

    /// The context of a bundle in it.
    public BundleContext context() {
        return (BundleContext)
                Proxy.newProxyInstance(
                        getClass().getClassLoader(),
                        new Class<?>[] {BundleContext.class},
                        (_, method, arguments) -> call(method, arguments));
    }

    private Object call(Method method, Object[] arguments) {
        return switch (method.getName()) {
            case "getProperty" -> properties.get((String) arguments[0]);
            case "registerService" ->
                    register(types(arguments[0]), arguments[1], (Dictionary<?, ?>) arguments[2]);
            default -> throw new UnsupportedOperationException(method.toString());
        };
    }

    private static List<String> types(Object argument) {
        return switch (argument) {
            case String[] names -> List.of(names);
            case Class<?> type -> List.of(type.getName());
            default -> List.of(argument.toString());
        };
    }

    private synchronized ServiceRegistration<?> register(
            List<String> types, Object object, Dictionary<?, ?> dictionary) {
        Map<String, Object> copy = new HashMap<>();
        dictionary
                .keys()
                .asIterator()
                .forEachRemaining(k -> copy.put(k.toString(), dictionary.get(k)));
        Service service = new Service(types, object, copy);
        services.add(service);
        notifyAll();
        return (ServiceRegistration<?>)
                Proxy.newProxyInstance(
                        getClass().getClassLoader(),
                        new Class<?>[] {ServiceRegistration.class},
                        (proxy, method, arguments) ->
                                switch (method.getName()) {
                                    case "unregister" -> {
                                        unregister(service);
                                        yield null;
                                    }
                                    case "hashCode" -> System.identityHashCode(proxy);
                                    case "equals" -> proxy == arguments[0];
                                    default ->
                                            throw new UnsupportedOperationException(
                                                    method.toString());
                                });
    }

    private void unregister(Service service) {
        onUnregistering.forEach(l -> l.accept(service.object));
        synchronized (this) {
            if (!services.removeIf(s -> s == service)) {
                throw new IllegalStateException("unregistered already");
            }
            notifyAll();
        }
    }
}
