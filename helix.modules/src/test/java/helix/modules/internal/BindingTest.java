package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Device;
import helix.modules.api.DriverModule;
import helix.modules.api.ModuleError;
import helix.modules.api.Request;
import helix.modules.api.binder.Binder.Rule;
import helix.modules.api.binder.Binder.State;
import helix.modules.probe.Probe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.osgi.framework.ServiceEvent;

class BindingTest {
    private static final String A = "0000:00:04.0";
    private static final String NIC = "0000:00:05.0";

    @TempDir Path folder;
    private TestPlatform platform;

    @BeforeEach
    void boot() throws Exception {
        platform = new TestPlatform(folder, Map.of("helix.conf", folder.toString()));
    }

    @AfterEach
    void shutDown() throws Exception {
        platform.close();
    }

    @Test
    void unbindAndBindOutliveARestart() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        platform.binder.unbind("pr0");
        assertThat(platform.module(A).state()).isEqualTo(State.STOPPED);
        assertThat(folder.resolve("bindings.properties")).exists();

        platform.close();
        boot();
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.binder.modules()).isEmpty();
        assertThat(rule(A, "override").found()).contains("unbound by hand");

        platform.binder.rebind(A);
        assertThat(platform.module(A).state()).isEqualTo(State.RUNNING);
        assertThat(Files.readString(folder.resolve("bindings.properties"))).doesNotContain("04.0");
    }

    @Test
    void bindGivesADeviceToADriverWhateverItMatches() throws Exception {
        new FakeDevice(NIC, 0x8086, 0x100e, 0x020000).register(platform.context);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.binder.modules()).isEmpty();
        platform.binder.bind(NIC, "probe");
        assertThat(platform.module("pr0").deviceId()).isEqualTo(NIC);
        assertThat(rule(NIC, "override").found()).isEqualTo("driver probe is there");
        platform.binder.bind(NIC, "probe");
        assertThat(platform.module("pr0").generation()).isEqualTo(1);
    }

    @Test
    void bindSaysWhatFailed() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        assertThatThrownBy(() -> platform.binder.bind("0000:00:1f.0", "probe"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no device '0000:00:1f.0' (there are 0000:00:04.0)");
        assertThatThrownBy(() -> platform.binder.bind(A, "ahci"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no driver 'ahci' (there are: probe)");
        platform.binder.unbind(A);
        Probe.HOOKS.put(
                "init",
                _ -> {
                    throw new ModuleError("too old");
                });
        assertThatThrownBy(() -> platform.binder.bind(A, "probe"))
                .isInstanceOf(ModuleError.class)
                .hasMessage("pr0 is FAILED: too old");
        assertThatThrownBy(() -> platform.binder.request(A, new Request("x", Map.of())))
                .hasMessage("pr0 is FAILED: too old");
    }

    @Test
    void aReservedDeviceIsNobodys() throws Exception {
        FakeDevice device = FakeDevice.nvme(A);
        Hashtable<String, Object> properties = device.properties();
        properties.put(Device.RESERVED, "interrupt messages");
        platform.context.registerService(Device.class, device, properties);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.binder.modules()).isEmpty();
        assertThat(rule(A, "not reserved").found()).isEqualTo("reserved: interrupt messages");
        assertThatThrownBy(() -> platform.binder.bind(A, "probe"))
                .hasMessage(A + " is reserved by the platform: interrupt messages");
    }

    @Test
    void theHigherVersionOfEqualDriversIsTaken() throws Exception {
        platform.driver("1.0.0");
        platform.driver("1.10.0");
        platform.driver("1.9.0");
        platform.device(A);
        platform.settle();
        assertThat(platform.module(A).version()).isEqualTo("1.10.0");
        assertThat(platform.module(A).generation()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1.0.0 1.10.0", "1.10.0 1.0.0"})
    void theHigherVersionIsTakenAlsoWhereItsFactoryComesLate(String order) throws Exception {
        CountDownLatch constructed = new CountDownLatch(1);
        Probe.HOOKS.put(
                "construct",
                _ -> {
                    constructed.countDown();
                    return null;
                });
        platform.context.addServiceListener(
                event -> {
                    if (event.getType() == ServiceEvent.REGISTERED) {
                        await(constructed); // as a busy computer does
                    }
                },
                "(component.factory=" + DriverModule.FACTORY + ")");
        for (String version : order.split(" ")) {
            platform.driver(version);
        }
        platform.device(A);
        platform.settle();
        assertThat(platform.module(A).version()).isEqualTo("1.10.0");
        assertThat(platform.module(A).generation()).isEqualTo(1);
    }

    private static void await(CountDownLatch latch) {
        try {
            var _ = latch.await(200, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void driversAreListedWithoutDevices() throws Exception {
        platform.driver("1.0.0");
        assertThat(platform.binder.drivers())
                .singleElement()
                .satisfies(d -> assertThat(d.name()).isEqualTo("probe"))
                .satisfies(d -> assertThat(d.devices()).isEmpty());
    }

    @Test
    void whyNamesTheClauseThatFails() throws Exception {
        new FakeDevice(NIC, 0x8086, 0x100e, 0x020000).register(platform.context);
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.binder.why(NIC))
                .contains(
                        new Rule(
                                "driver probe: (pci.class=010802)",
                                "pci.class=010802",
                                "pci.class=020000",
                                false),
                        new Rule("choice", "a driver", "none", false));
        assertThatThrownBy(() -> platform.binder.why("nvme7"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no device 'nvme7' (there are 0000:00:05.0)");
    }

    @Test
    void whyOfABoundDeviceHoldsThroughout() throws Exception {
        platform.device(A);
        platform.driver("1.0.0");
        platform.settle();
        List<Rule> rules = platform.binder.why("pr0");
        assertThat(rules).filteredOn(r -> !r.rule().contains("pci.vendor")).allMatch(Rule::holds);
        assertThat(rule(A, "lease").found()).isEqualTo("held by probe@0000:00:04.0 gen 1");
        assertThat(rule(A, "module pr0").found()).isEqualTo("RUNNING");
    }

    @Test
    void aBusyDeviceNamesItsHolder() throws Exception {
        FakeDevice device = platform.device(A);
        platform.leases.grant(device, "somebody else");
        platform.driver("1.0.0");
        platform.settle();
        assertThat(platform.module(A).reason()).isEqualTo(A + " is held by somebody else");
    }

    @Test
    void aDriverThatTheScannerRefusesIsNotConstructed() throws Exception {
        new FakeDevice(A, 0x1b36, 0x000d, 0x0c0330).register(platform.context);
        platform.install("refused", "1.0.0");
        platform.settle();
        assertThat(platform.module(A).state()).isEqualTo(State.FAILED);
        assertThat(platform.module(A).reason())
                .startsWith("bundle test.refused 1.0.0 is refused: THREADS")
                .contains("new java.lang.Thread in helix.modules.probe.refused.ThreadDriver.start");
        assertThat(rule(A, "check of the class files").holds()).isFalse();
    }

    private Rule rule(String device, String beginsWith) {
        return platform.binder.why(device).stream()
                .filter(r -> r.rule().startsWith(beginsWith))
                .findFirst()
                .orElseThrow();
    }
}
