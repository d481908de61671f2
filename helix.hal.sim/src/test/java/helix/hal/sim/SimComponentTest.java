package helix.hal.sim;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.machine.Machine;
import helix.hal.api.machine.Machine.State;
import helix.hal.api.machine.MachineControl;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.ModelFactory;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/// What the component publishes, against a framework of two methods.
final class SimComponentTest {
    @TempDir private Path instance;
    private final BlockingQueue<Object> published = new LinkedBlockingQueue<>();
    private final BlockingQueue<Object> withdrawn = new LinkedBlockingQueue<>();

    private BundleContext framework(Map<String, String> properties) {
        return (BundleContext)
                Proxy.newProxyInstance(
                        getClass().getClassLoader(),
                        new Class<?>[] {BundleContext.class},
                        (_, method, arguments) ->
                                switch (method.getName()) {
                                    case "getProperty" -> properties.get(arguments[0]);
                                    case "registerService" -> register(arguments[1]);
                                    default -> throw new AssertionError(method);
                                });
    }

    private Object register(Object service) {
        published.add(service);
        return Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {ServiceRegistration.class},
                (_, method, _) -> {
                    if (method.getName().equals("unregister")) {
                        withdrawn.add(service);
                    }
                    return null;
                });
    }

    private Map<String, String> profile(String lines) throws IOException {
        Path file = Files.writeString(instance.resolve("test.profile"), lines);
        return Map.of(
                "helix.machine", "sim",
                "helix.profile", file.toString(),
                "helix.instance", instance.toString());
    }

    private Object next() throws InterruptedException {
        return published.poll(20, TimeUnit.SECONDS);
    }

    /// A kind that takes no options.
    private static final class Adders implements ModelFactory {
        @Override
        public String kind() {
            return "adder";
        }

        @Override
        public String description() {
            return "adds";
        }

        @Override
        public DeviceModel create(String id, Map<String, String> options) {
            return new AdderDevice();
        }
    }

    @Test
    void otherMachinesAreNotItsBusiness() {
        SimComponent component = new SimComponent(framework(Map.of("helix.machine", "qemu")));
        component.start();
        component.stop();
        assertThat(published).isEmpty();
    }

    @Test
    void machineIsPublishedOnceItsKindsAreThereAndWithdrawnAtTheEnd()
            throws IOException, InterruptedException {
        SimComponent component =
                new SimComponent(framework(profile("disk none\ndevice adder a\nslot adder b")));
        component.start();
        assertThat(published).isEmpty();
        component.addFactory(new Adders());
        MachineControl control = (MachineControl) next();
        Machine machine = (Machine) next();
        assertThat(machine.name()).isEqualTo("sim");
        assertThat(machine.status().state()).isEqualTo(State.READY);
        assertThat(control.plugged()).containsExactly("b");
        assertThat(control.pluggable()).containsExactly(new MachineControl.Choice("adder", "adds"));
        assertThat(control.plug("adder", Map.of())).isEqualTo("plug0");
        assertThat(control.plugged()).containsExactly("b", "plug0");
        component.stop();
        assertThat(withdrawn).containsExactly(machine, control);
        assertThat(machine.status().state()).isEqualTo(State.FAILED);
    }

    @Test
    void machineThatCannotBeBuiltIsPublishedWithItsReason()
            throws IOException, InterruptedException {
        SimComponent component = new SimComponent(framework(profile("memory 4 GiB")));
        component.start();
        Machine machine = (Machine) next();
        assertThat(machine.status().state()).isEqualTo(State.FAILED);
        assertThat(machine.status().detail()).contains("line 1: memory takes one value");
        component.stop();
        assertThat(withdrawn).containsExactly(machine);
    }
}
