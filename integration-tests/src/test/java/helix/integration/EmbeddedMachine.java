package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.osgi.framework.BundleContext;

/// The embedded machine under test. Its class is its bundle's own.
///
/// @param machine the machine
/// @param control what can be done to it
record EmbeddedMachine(Machine machine, MachineControl control) {
    private static final String FILTER = "(helix.machine=sim)";

    static EmbeddedMachine of(BundleContext context) throws InterruptedException {
        return new EmbeddedMachine(
                Platform.service(context, Machine.class, FILTER),
                Platform.service(context, MachineControl.class, FILTER));
    }

    private Object ask(String method, Object... arguments) {
        try {
            Class<?>[] types = new Class<?>[arguments.length];
            Arrays.fill(types, String.class);
            return machine.getClass().getMethod(method, types).invoke(machine, arguments);
        } catch (NoSuchMethodException | IllegalAccessException | InvocationTargetException e) {
            throw new AssertionError(method, e);
        }
    }

    /// No driver did what it must not do, no device reached for what it was not granted, no model
    /// failed.
    void assertRulesKept() {
        for (String reports : List.of("violations", "iommuFaults", "failures")) {
            assertThat((List<?>) ask(reports)).as(reports).isEmpty();
        }
    }

    /// What a device's model counted.
    Map<String, Long> counters(String id) {
        Map<String, Long> counters = new HashMap<>();
        ((Map<?, ?>) ask("counters", id))
                .forEach((name, count) -> counters.put((String) name, (Long) count));
        return counters;
    }

    /// Takes a device's power away for a while.
    void cutPower(String id, int millis) {
        String _ = control.fault("power-cut", Map.of("id", id, "ms", Integer.toString(millis)));
    }
}
