package helix.hal.internal.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.ChildDevice;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.MmioRegion;
import helix.hal.api.lease.LeaseService.Release;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import helix.hal.internal.fake.Services;
import helix.hal.internal.pci.PciEnumerator;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What the holder of a child lease has of its parent's function, for how long, and what passes on.
class ChildLeaseTest {
    private static final int STATUS = 0x14;
    private static final int MSIX_CONTROL = 0x42;

    private final FakeMachine machine = new FakeMachine("fake");
    private final Services services = new Services();
    private final AtomicInteger resets = new AtomicInteger();
    private final BlockingQueue<String> calls = new LinkedBlockingQueue<>();
    private FakeFunction function;
    private MachineContext context;
    private Lease parent;
    private Behind behind;

    @BeforeEach
    void enumerate() {
        function =
                new FakeFunction(0x1234, 0x1042, 0x010000)
                        .bar(0, 0x4000, 4)
                        .msiX(4, 0, 0x2000, 0x3000);
        machine.with(0x20, function);
        context = new MachineContext(machine, 0);
        parent =
                services.leases.grant(
                        new PciEnumerator(context, machine).enumerate().all().getFirst(),
                        "bus gen 1");
        behind = new Behind("behind");
    }

    @AfterEach
    void close() {
        services.leases.leases().forEach(this::release);
        assertThat(machine.available()).isEqualTo(16);
        assertThat(services.irqs.active()).isZero();
        assertThat(context.dma().blocksInUse()).isZero();
        machine.close();
    }

    private Lease child(String owner) {
        return services.leases.grantChild(parent, behind, owner, behind::reset);
    }

    private Release release(Lease lease) {
        return services.leases.release(lease, Deadline.afterMillis(300));
    }

    private Lease pass(Lease from, String owner) {
        return services.leases.pass(from, owner, Deadline.afterMillis(2000));
    }

    private IrqVectors vectors(Lease lease) {
        return services.irqs.allocate(lease, 1, 2, Set.of(IrqKind.MSIX));
    }

    private String next() throws InterruptedException {
        return calls.poll(5, TimeUnit.SECONDS);
    }

    private static void stay(CountDownLatch until) {
        try {
            assertThat(until.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private boolean isMsiXEnabled() {
        return (function.read(MSIX_CONTROL, 2) & 0x8000) != 0;
    }

    @Test
    void itReachesTheRegistersOfItsParentsFunctionUntilItEnds() {
        Lease child = child("child");
        MmioRegion registers = services.mmio.map(child, 0);
        registers.write8(STATUS, 7);
        assertThat(services.mmio.map(parent, 0).read8(STATUS)).isEqualTo(7);
        release(child);
        assertThatThrownBy(() -> registers.write8(STATUS, 1))
                .isInstanceOf(LeaseRevokedException.class);
        assertThat(services.mmio.map(parent, 0).read8(STATUS)).isEqualTo(7);
    }

    @Test
    void theFunctionAsAWholeIsItsParents() {
        Lease child = child("child");
        assertThatThrownBy(() -> services.pci.busMaster(child, true))
                .isInstanceOf(DeviceException.class)
                .hasMessage("bus mastering: behind is no PCI function");
        assertThatThrownBy(() -> services.pci.writeConfig8(child, 0x0C, 1))
                .isInstanceOf(DeviceException.class);
    }

    @Test
    void aFunctionHasOneSetOfVectorsWhoeverHoldsIt() {
        Lease child = child("child");
        Lease sibling =
                services.leases.grantChild(parent, new Behind("other"), "sibling", _ -> true);
        IrqVectors vectors = vectors(child);
        assertThatThrownBy(() -> vectors(parent))
                .isInstanceOf(DeviceException.class)
                .hasMessage("child holds interrupt vectors already");
        assertThatThrownBy(() -> vectors(sibling))
                .isInstanceOf(DeviceException.class)
                .hasMessage("child holds interrupt vectors already");
        vectors.close();
        vectors(sibling);
        assertThatThrownBy(() -> vectors(child))
                .hasMessage("sibling holds interrupt vectors already");
        release(sibling);
        assertThat(vectors(parent).count()).isEqualTo(2);
    }

    @Test
    void vectorsThatCouldNotBeGivenAreFree() {
        Lease child = child("child");
        assertThatThrownBy(() -> services.irqs.allocate(child, 1, 1, Set.of(IrqKind.MSI)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("no MSI");
        assertThat(vectors(child).count()).isEqualTo(2);
    }

    /// Registers, interrupts and memory of the first end with it; the second begins afresh.
    @Test
    void nothingOfAGenerationSurvivesIntoTheNext() throws InterruptedException {
        Lease first = child("first");
        MmioRegion registers = services.mmio.map(first, 0);
        DmaBuffer ring = services.dma.allocate(first, DmaRequest.pages(4096));
        IrqVectors vectors = vectors(first);
        vectors.handler(0, _ -> calls.add("first"));
        vectors.raise(0);
        assertThat(next()).isEqualTo("first");
        Release report = release(first);
        assertThat(report.confirmed()).isTrue();
        assertThat(report.bytesReturned()).isEqualTo(4096);
        assertThat(resets).hasValue(1);
        assertThat(isMsiXEnabled()).isFalse();
        assertThat(services.irqs.active()).isZero();

        Lease second = child("second");
        IrqVectors after = vectors(second);
        after.handler(0, _ -> calls.add("second"));
        after.raise(0);
        assertThat(next()).isEqualTo("second");
        assertThatThrownBy(() -> vectors.raise(0)).isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> registers.read8(0)).isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> ring.segment().get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
        assertThat(calls).isEmpty();
        assertThat(parent.isValid()).isTrue();
    }

    /// Its vectors go, also where the handler is still in the old generation's code.
    @Test
    void aHandlerThatDoesNotReturnKeepsNobodyFromTheVectors() throws InterruptedException {
        Lease first = child("first");
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        IrqVectors vectors = vectors(first);
        vectors.handler(
                0,
                _ -> {
                    calls.add("first");
                    inside.countDown();
                    stay(enough);
                });
        vectors.raise(0);
        assertThat(inside.await(5, TimeUnit.SECONDS)).isTrue();
        assertThat(next()).isEqualTo("first");
        release(first);
        Lease second = child("second");
        IrqVectors after = vectors(second);
        after.handler(0, _ -> calls.add("second"));
        after.raise(0);
        assertThat(next()).isEqualTo("second");
        enough.countDown();
        while (services.irqs.active() > 1) {
            Thread.onSpinWait();
        }
        assertThat(isMsiXEnabled()).as("the end of the old thread leaves the new one's").isTrue();
        after.raise(0);
        assertThat(next()).isEqualTo("second");
    }

    @Test
    void itPassesAsItStands() throws InterruptedException {
        Lease first = child("first");
        DmaBuffer ring = services.dma.allocate(first, DmaRequest.pages(4096));
        ring.segment().set(ValueLayout.JAVA_INT, 8, 0x1234_5678);
        vectors(first).handler(0, _ -> calls.add("first"));
        MmioRegion registers = services.mmio.map(first, 0);
        Lease second = pass(first, "second");
        assertThat(second.epoch()).isEqualTo(2);
        assertThat(second.device()).isSameAs(behind);
        assertThat(first.state()).isEqualTo(Lease.State.PASSED);
        assertThat(services.leases.holder(behind)).containsSame(second);
        assertThat(resets).hasValue(0);
        assertThat(isMsiXEnabled()).isTrue();
        DmaBuffer same = services.dma.adopt(second, ring.address());
        assertThat(same.segment().get(ValueLayout.JAVA_INT, 8)).isEqualTo(0x1234_5678);
        services.irqs.adopt(second).orElseThrow().handler(0, _ -> calls.add("second"));
        assertThat(next()).isEqualTo("second");
        assertThatThrownBy(() -> registers.read8(0)).isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> vectors(parent))
                .hasMessage("second holds interrupt vectors already");
        assertThat(services.leases.retire(first, Deadline.afterMillis(2000))).isTrue();
        assertThat(same.segment().get(ValueLayout.JAVA_INT, 8)).isEqualTo(0x1234_5678);
        release(second);
        assertThat(resets).hasValue(1);
        assertThat(child("third").epoch()).isEqualTo(3);
    }

    @Test
    void onePassedOnEndsWithItsParent() {
        Lease first = child("first");
        services.dma.allocate(first, DmaRequest.pages(4096));
        Lease second = pass(pass(first, "first"), "second");
        release(parent);
        assertThat(second.state()).isEqualTo(Lease.State.RELEASED);
        assertThat(resets).hasValue(1);
        assertThat(context.dma().blocksInUse()).isZero();
        assertThatThrownBy(() -> pass(second, "third")).isInstanceOf(LeaseRevokedException.class);
    }

    /// Whichever comes first, no lease, memory or vector outlives the parent.
    @Test
    void aParentThatEndsMeanwhileTakesTheNextOneToo() throws Exception {
        for (int i = 0; i < 50; i++) {
            Lease first = child("first");
            services.dma.allocate(first, DmaRequest.pages(4096));
            vectors(first).handler(0, _ -> {});
            CyclicBarrier together = new CyclicBarrier(2);
            FutureTask<Lease> passing =
                    new FutureTask<>(() -> {
                        together.await(5, TimeUnit.SECONDS);
                        return pass(first, "second");
                    });
            Thread.ofPlatform().daemon().start(passing);
            together.await(5, TimeUnit.SECONDS);
            release(parent);
            try {
                assertThat(passing.get(5, TimeUnit.SECONDS).isValid()).isFalse();
            } catch (ExecutionException e) {
                assertThat(e.getCause()).isInstanceOf(RuntimeException.class);
            }
            assertThat(services.leases.leases()).isEmpty();
            assertThat(services.leases.holder(behind)).isEmpty();
            assertThat(context.dma().blocksInUse()).isZero();
            assertThat(services.irqs.active()).isZero();
            parent = services.leases.grant(parent.device(), "bus again");
        }
    }

    private final class Behind implements ChildDevice {
        private final String id;

        Behind(String id) {
            this.id = id;
        }

        @Override
        public String id() {
            return id;
        }

        @Override
        public String bus() {
            return "virtio";
        }

        @Override
        public String machine() {
            return "fake";
        }

        @Override
        public boolean isPresent() {
            return true;
        }

        @Override
        public Lease parent() {
            return parent;
        }

        @Override
        public boolean reset(Deadline deadline) {
            resets.incrementAndGet();
            return true;
        }
    }
}
