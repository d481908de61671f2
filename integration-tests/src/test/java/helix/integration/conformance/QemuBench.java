package helix.integration.conformance;

import helix.hal.api.machine.Machine;
import helix.hal.qemu.QemuComponent;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/// QEMU's models of the devices.
final class QemuBench implements Bench {
    private static final int START_SECONDS = 30;

    private static final String PROFILE =
            """
            memory 64M
            disk none
            device nvme,id=nv,serial=conformance,addr=4,max_ioqpairs=4,msix_qsize=5
            device nvme-ns,id=ns1,drive=disk0,bus=nv,nsid=1
            device nvme-ns,id=ns2,drive=disk1,bus=nv,nsid=2
            device virtio-blk-pci,id=vb,drive=disk2,serial=conformance,addr=5,disable-legacy=on,packed=on,num-queues=2,queue-size=64,ioeventfd=off
            netdev hubport,id=n0,hubid=0
            netdev hubport,id=n1,hubid=0
            device virtio-net-pci,id=vn,netdev=n0,mac=52:54:00:00:00:01,addr=6,disable-legacy=on,packed=on,romfile=
            device virtio-net-pci,id=vp,netdev=n1,mac=52:54:00:00:00:02,addr=7,disable-legacy=on,packed=on,romfile=
            """;

    private final QemuComponent component;
    private final Machine machine;

    /// Starts it.
    ///
    /// @param folder for its files
    QemuBench(Path folder) throws Exception {
        Path profile = folder.resolve("conformance.profile");
        write(profile);
        Map<String, String> properties =
                Map.of(
                        "helix.machine",
                        "qemu",
                        "helix.profile",
                        profile.toString(),
                        "helix.disks",
                        "mem:4M\nmem:4M\nmem:4M",
                        "helix.instance",
                        folder.toString());
        CompletableFuture<Machine> started = new CompletableFuture<>();
        component = new QemuComponent(context(properties, started));
        machine = started.get(START_SECONDS, TimeUnit.SECONDS);
        if (machine.status().state() != Machine.State.READY) {
            throw new IllegalStateException(machine.status().detail());
        }
    }

    private static void write(Path profile) throws IOException {
        Files.writeString(profile, PROFILE);
    }

    /// As much of a framework as the component asks for.
    private static BundleContext context(
            Map<String, String> properties, CompletableFuture<Machine> started) {
        return (BundleContext)
                Proxy.newProxyInstance(
                        QemuBench.class.getClassLoader(),
                        new Class<?>[] {BundleContext.class},
                        (_, method, arguments) ->
                                switch (method.getName()) {
                                    case "getProperty" -> properties.get((String) arguments[0]);
                                    case "registerService" -> {
                                        if (arguments[1] instanceof Machine published) {
                                            started.complete(published);
                                        }
                                        yield registration();
                                    }
                                    default ->
                                            throw new UnsupportedOperationException(
                                                    method.toString());
                                });
    }

    private static ServiceRegistration<?> registration() {
        return (ServiceRegistration<?>)
                Proxy.newProxyInstance(
                        QemuBench.class.getClassLoader(),
                        new Class<?>[] {ServiceRegistration.class},
                        (_, _, _) -> null);
    }

    @Override
    public Machine machine() {
        return machine;
    }

    @Override
    public void close() {
        component.stop();
    }
}
