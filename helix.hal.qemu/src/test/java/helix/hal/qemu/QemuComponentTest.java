package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import helix.hal.api.machine.Machine;
import helix.hal.api.machine.Machine.State;
import helix.hal.api.machine.MachineControl;
import java.lang.reflect.Proxy;
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
class QemuComponentTest {
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

    @Test
    void otherMachinesAreNotItsBusiness() {
        QemuComponent component = new QemuComponent(framework(Map.of("helix.machine", "sim")));
        component.stop();
        assertThat(published).isEmpty();
    }

    @Test
    void machineThatDoesNotStartIsPublishedWithItsReason() throws InterruptedException {
        QemuComponent component =
                new QemuComponent(
                        framework(
                                Map.of(
                                        "helix.machine", "qemu",
                                        "helix.instance", instance.toString(),
                                        "helix.disks", "/no/such.img")));
        Machine machine = (Machine) published.poll(10, TimeUnit.SECONDS);
        assertThat(machine).isNotNull();
        assertThat(machine.status())
                .isEqualTo(new Machine.Status(State.FAILED, "disk /no/such.img: no such file"));
        assertThat(machine.pci()).isEmpty();
        component.stop();
        assertThat(withdrawn).containsExactly(machine);
    }

    @Test
    void workingMachineIsPublishedWithItsControlAndEndsWithTheComponent()
            throws InterruptedException {
        assumeTrue(
                QemuProcess.find(QemuCommandLine.PROGRAM).isPresent(),
                QemuCommandLine.PROGRAM + " is not installed");
        QemuComponent component =
                new QemuComponent(
                        framework(
                                Map.of(
                                        "helix.machine", "qemu",
                                        "helix.instance", instance.toString(),
                                        "helix.qemu.args", "-global\nnvme.max_ioqpairs=1")));
        assertThat(published.poll(10, TimeUnit.SECONDS)).isInstanceOf(MachineControl.class);
        QemuMachine machine = (QemuMachine) published.poll(10, TimeUnit.SECONDS);
        assertThat(machine).isNotNull();
        assertThat(machine.status()).isEqualTo(new Machine.Status(State.READY, ""));
        assertThat(instance.resolve("scratch.img")).exists();
        component.stop();
        assertThat(withdrawn).hasSize(2);
        assertThat(ProcessHandle.of(machine.process().pid())).isEmpty();
    }

    @Test
    void stopWhileItStartsLeavesNothing() {
        QemuComponent component =
                new QemuComponent(
                        framework(
                                Map.of(
                                        "helix.machine",
                                        "qemu",
                                        "helix.instance",
                                        instance.toString())));
        component.stop();
        assertThat(withdrawn).containsExactlyInAnyOrderElementsOf(published);
    }
}
