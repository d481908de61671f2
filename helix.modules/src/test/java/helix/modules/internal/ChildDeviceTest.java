package helix.modules.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.ChildDevice;
import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.modules.api.Idle;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleError;
import helix.modules.api.binder.Binder.Rule;
import helix.modules.api.binder.Binder.State;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads.Options;
import helix.modules.probe.Probe;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.osgi.framework.ServiceReference;

/// Devices that a bus driver has found: leased from its lease, and gone before it.
class ChildDeviceTest extends ReloadFixture {
    private static final String CHILD = "0000:01:00.0";

    /// What was true when the bus driver stopped or failed.
    private final List<String> seen = new CopyOnWriteArrayList<>();

    private final AtomicReference<ModuleContext> bus = new AtomicReference<>();

    @BeforeEach
    void findOne() {
        Probe.HOOKS.put(
                A + " start",
                c -> {
                    bus.set(c);
                    find(c);
                    return null;
                });
        Probe.HOOKS.put(
                A + " stop",
                _ -> {
                    seen.add("child " + (platform.leases.parent(CHILD) == null ? "out" : "in"));
                    return null;
                });
    }

    private static void find(ModuleContext c) {
        find(c, CHILD);
    }

    private static void find(ModuleContext c, String id) {
        FakeChild child = new FakeChild(id, c.lease());
        Map<String, Object> properties = new HashMap<>();
        child.properties().forEach(properties::put);
        c.publish(Device.class, child, properties);
    }

    private void serveBoth() throws Exception {
        serve(A);
        platform.await(CHILD, State.RUNNING);
        Probe.LOG.clear();
    }

    private Lease leaseOf(String device) {
        return platform.leases.leases().stream()
                .filter(l -> l.device().id().equals(device))
                .findFirst()
                .orElseThrow();
    }

    private boolean isHere(String device) {
        return platform.leases.leases().stream().anyMatch(l -> l.device().id().equals(device));
    }

    @Test
    void itsLeaseComesFromTheBusDriversOwn() throws Exception {
        serveBoth();
        assertThat(platform.leases.parent(CHILD)).isSameAs(leaseOf(A));
        assertThat(platform.leases.parent(A)).isNull();
        assertThat(leaseOf(CHILD).owner()).isEqualTo("probe@" + CHILD + " gen 1");
        assertThat(platform.binder.why(CHILD))
                .filteredOn(r -> r.rule().equals("lease"))
                .extracting(Rule::found)
                .containsExactly("held by probe@" + CHILD + " gen 1");
        assertThat(platform.module(A).services()).contains("Device " + CHILD);
    }

    @Test
    void itIsADeviceServiceWithAnIdentityOfItsOwn() throws Exception {
        serveBoth();
        ServiceReference<ChildDevice> found =
                platform.context.getServiceReference(ChildDevice.class);
        assertThat(found.getProperty(Device.ID)).isEqualTo(CHILD);
        assertThat(found.getProperty(Device.BUS)).isEqualTo("fakebus");
        assertThat(found.getProperty(Device.MACHINE)).isEqualTo("fake");
        assertThat(found.getProperty("module.name")).isEqualTo("pr0");
    }

    @Test
    void unbindingTheBusDriverEndsItFirst() throws Exception {
        serveBoth();
        platform.binder.unbind(A);
        assertThat(Probe.LOG).containsSubsequence(CHILD + " stop", A + " stop");
        assertThat(seen).containsExactly("child out");
        assertThat(platform.leases.ended).containsExactly(CHILD, A);
        assertThat(platform.context.getServiceReference(ChildDevice.class)).isNull();
        assertThat(platform.leases.leases()).isEmpty();
    }

    @Test
    void rebindingTheBusDriverBringsItBack() throws Exception {
        serveBoth();
        platform.binder.rebind(A);
        assertThat(platform.module(CHILD).state()).isEqualTo(State.RUNNING);
        assertThat(platform.module(CHILD).generation()).isEqualTo(2);
        assertThat(platform.leases.parent(CHILD)).isSameAs(leaseOf(A));
        assertThat(platform.leases.ended).containsExactly(CHILD, A);
    }

    @Test
    void stoppingTheBusDriversBundleEndsItFirst() throws Exception {
        serveBoth();
        platform.binder.unbind(CHILD);
        platform.binder.rebind(CHILD);
        for (var bundle : platform.context.getBundles()) {
            if ("test.driver".equals(bundle.getSymbolicName())) {
                bundle.stop();
            }
        }
        assertThat(platform.leases.ended).containsExactly(CHILD, CHILD, A);
        assertThat(platform.leases.leases()).isEmpty();
    }

    @Test
    void aBusDriverThatFailsTakesItAlongAndBringsItBack() throws Exception {
        serveBoth();
        bus.get().fail("lost", new ModuleError("lost"));
        platform.await("both again", () -> isSecond(A) && isSecond(CHILD));
        assertThat(platform.leases.ended).containsExactly(CHILD, A);
        assertThat(Probe.LOG).containsSubsequence(CHILD + " stop", A + " stop");
    }

    private boolean isSecond(String device) {
        return platform.binder.module(device).stream()
                .anyMatch(m -> m.generation() == 2 && m.state() == State.RUNNING);
    }

    /// The child's module stops while its lease is still good, though the bus driver's hangs.
    @Test
    void aBusDriverThatHangsTakesItAlongInOrder() throws Exception {
        Probe.HOOKS.put(
                CHILD + " stop",
                _ -> {
                    seen.add("lease valid " + isHere(CHILD));
                    return null;
                });
        Probe.HOOKS.put(
                A + " start",
                c -> {
                    find(c);
                    c.agent(
                            "stuck",
                            () -> {
                                Probe.hang();
                                return 0;
                            },
                            Idle.every(Duration.ofMillis(10)));
                    return null;
                });
        platform.device(A);
        platform.driver("1.0.0");
        platform.await("a hang", () -> platform.leases.ended.contains(A));
        assertThat(seen).startsWith("lease valid true");
        assertThat(platform.leases.ended).startsWith(CHILD, A);
    }

    @Test
    void aReloadOfItsOwnDriverPassesItsLease() throws Exception {
        Lease parent = platform.leases.grant(FakeDevice.nvme("0000:00:09.0"), "bus gen 1");
        FakeChild child = new FakeChild(A, parent);
        platform.context.registerService(Device.class, child, child.properties());
        Probe.HOOKS.remove(A + " start");
        Probe.HOOKS.remove(A + " stop");
        platform.driver("1.0.0");
        platform.settle();
        ReloadReport report = update("2.0.0", Options.STANDARD);
        notFailed(report);
        assertThat(device(report).warm()).isTrue();
        assertThat(platform.leases.ended).isEmpty();
        assertThat(platform.leases.parent(A)).isSameAs(parent);
        assertThat(platform.module(A).generation()).isEqualTo(2);
    }

    /// Two buses are searched side by side, and the search of the first takes longer.
    @Test
    void numbersGoByAddressWhateverBusIsReadyFirst() throws Exception {
        String first = "0000:01:00.0";
        String second = "0000:02:00.0";
        CountDownLatch secondIsFound = new CountDownLatch(1);
        Probe.HOOKS.put(
                A + " start",
                c -> {
                    assertThat(secondIsFound.await(5, TimeUnit.SECONDS)).isTrue();
                    // Time enough for the second to be bound, if it were.
                    platform.await(
                            "the second bus", () -> platform.module(B).state() == State.RUNNING);
                    Thread.sleep(100);
                    find(c, first);
                    return null;
                });
        Probe.HOOKS.put(
                B + " start",
                c -> {
                    find(c, second);
                    secondIsFound.countDown();
                    return null;
                });
        serve(A, B);
        platform.await(first, State.RUNNING);
        platform.await(second, State.RUNNING);
        assertThat(List.of(A, B, first, second))
                .extracting(d -> platform.module(d).name())
                .containsExactly("pr0", "pr1", "pr2", "pr3");
    }
}
