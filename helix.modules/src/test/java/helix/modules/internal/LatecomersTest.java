package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Device;
import helix.hal.api.Lease;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.Version;
import org.osgi.service.component.ComponentFactory;

/// Which device waits for which, at given times.
class LatecomersTest {
    private static final String LOW = "0000:00:04.0";
    private static final String BUS = "0000:00:05.0";
    private static final String HIGH = "0000:00:06.0";
    private static final long PATIENCE = Latecomers.PATIENCE.toNanos();

    private final Supervisor supervisor = new Supervisor();
    private final Bindings bindings =
            new Bindings(
                    new Bringing(fake(BundleContext.class), () -> null),
                    supervisor,
                    new Overrides(null),
                    true,
                    List::of);
    private final Latecomers latecomers = new Latecomers();
    private final Driver here = driver("1.0.0", 7, true);
    private final Driver other = driver("1.0.0", 8, true);
    private final Driver coming = driver("2.0.0", -1, false);
    private final Map<String, ModuleRun> runs = new HashMap<>();
    private final KnownDevice child;

    LatecomersTest() {
        KnownDevice bus = device(FakeDevice.nvme(BUS), 2);
        Lease lease = new FakeLeases().grant(bus.device(), "bus");
        runs.put(BUS, new ModuleRun(bindings, bus, here, 0));
        child = device(new FakeChild("child", lease), 4);
    }

    @AfterEach
    void close() {
        supervisor.close();
    }

    private static <T> T fake(Class<T> type) {
        return type.cast(
                Proxy.newProxyInstance(
                        LatecomersTest.class.getClassLoader(),
                        new Class<?>[] {type},
                        (_, method, _) -> {
                            throw new IllegalStateException("nobody asks for " + method);
                        }));
    }

    @SuppressWarnings("unchecked") // nobody asks the factory for anything
    private static Driver driver(String version, long service, boolean isHere) {
        return new Driver(
                "bus",
                "",
                "bus",
                List.of(),
                Version.parseVersion(version),
                fake(Bundle.class),
                service,
                isHere
                        ? (ServiceReference<ComponentFactory<?>>) fake(ServiceReference.class)
                        : null,
                List.of());
    }

    private static KnownDevice device(Device device, long service) {
        return new KnownDevice(
                device.id(), device, service, fake(ServiceReference.class), Map.of());
    }

    private boolean waits(long nanoTime) {
        return latecomers.isBeforeItsTurn(child, runs, nanoTime);
    }

    /// A bus that waits for its own driver has no run yet, and is searched all the same.
    @Test
    void whatIsBehindABusWaitsForALowerBusThatWaitsForItsDriver() {
        assertThat(waits(0)).isFalse();
        KnownDevice low = device(FakeDevice.nvme(LOW), 1);
        assertThat(latecomers.isWaitedFor(low, here, coming, 0)).isTrue();
        assertThat(waits(1)).isTrue();
        assertThat(latecomers.isWaitedFor(low, here, coming, PATIENCE)).isFalse();
        assertThat(waits(PATIENCE)).isFalse();
    }

    @Test
    void itDoesNotWaitForOneThatIsGone() {
        KnownDevice low = device(FakeDevice.nvme(LOW), 1);
        assertThat(latecomers.isWaitedFor(low, here, coming, 0)).isTrue();
        latecomers.forget(low);
        assertThat(waits(1)).isFalse();
    }

    @Test
    void itDoesNotWaitForAHigherBusNorForOtherDevices() {
        KnownDevice high = device(FakeDevice.nvme(HIGH), 3);
        KnownDevice low = device(FakeDevice.nvme(LOW), 1);
        assertThat(latecomers.isWaitedFor(high, here, coming, 0)).isTrue();
        assertThat(latecomers.isWaitedFor(low, other, coming, 0)).isTrue();
        assertThat(waits(1)).isFalse();
    }

    /// The wait for a number is no longer than that for a driver.
    @Test
    void itDoesNotWaitForEver() {
        for (int i = 0; i < 3; i++) {
            long now = i * Duration.ofMillis(600).toNanos();
            KnownDevice low = device(FakeDevice.nvme("0000:00:0" + i + ".0"), 10 + i);
            assertThat(latecomers.isWaitedFor(low, here, coming, now)).isTrue();
            assertThat(waits(now)).isEqualTo(i < 2);
        }
    }
}
