package helix.hal.internal.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.MmioRegion;
import helix.hal.api.lease.LeaseService.Release;
import helix.hal.api.machine.Machine;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import helix.hal.internal.fake.Services;
import helix.hal.internal.pci.PciEnumerator;
import helix.hal.internal.pci.PciFunction;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.Pipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Leases that are passed on while their device works: memory, handles, and the end.
class PassingTest {
    private static final int CC = 0x14;
    private static final int CSTS = 0x1C;
    private static final int MASTER = 4;

    private final FakeMachine machine = new FakeMachine("fake");
    private final Services services = new Services();
    private final AtomicInteger resets = new AtomicInteger();
    private FakeFunction nvme;
    private MachineContext context;
    private PciFunction device;

    /// Whether the drive obeys CC.EN = 0.
    private boolean obeys = true;

    @BeforeEach
    void enumerate() {
        nvme =
                new FakeFunction(0x1B36, 0x0010, 0x010802)
                        .bar(0, 0x4000, 4)
                        .msiX(4, 0, 0x2000, 0x3000);
        nvme.onRegister(
                CC,
                value -> {
                    boolean ready = (value & 1) != 0 || !obeys;
                    if ((value & 1) == 0) {
                        resets.incrementAndGet();
                    }
                    nvme.registers(0).putInt(CSTS, ready ? 1 : 0);
                });
        machine.with(0x20, nvme);
        context = new MachineContext(machine, 0);
        device = new PciEnumerator(context, machine).enumerate().all().getFirst();
    }

    @AfterEach
    void close() {
        services.leases.leases().forEach(this::release);
        assertThat(machine.available()).isEqualTo(16);
        machine.close();
    }

    private Lease start() {
        Lease lease = services.leases.grant(device, "nvme gen 1");
        services.pci.busMaster(lease, true);
        services.mmio.map(lease, 0).write32(CC, 1);
        return lease;
    }

    private Release release(Lease lease) {
        return services.leases.release(lease, Deadline.afterMillis(300));
    }

    private Lease pass(Lease from, String owner) {
        return services.leases.pass(from, owner, Deadline.afterMillis(2000));
    }

    private boolean retire(Lease passed) {
        return services.leases.retire(passed, Deadline.afterMillis(2000));
    }

    private DmaBuffer page(Lease lease) {
        return services.dma.allocate(lease, DmaRequest.pages(4096));
    }

    private IrqVectors vectors(Lease lease) {
        return services.irqs.allocate(lease, 1, 2, Set.of(IrqKind.MSIX));
    }

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).isNegative();
            Thread.onSpinWait();
        }
    }

    @Test
    void theNextHolderFindsTheBytesWhereTheyWere() {
        Lease old = start();
        DmaBuffer ring = page(old);
        ring.segment().set(ValueLayout.JAVA_LONG, 8, 0x1122_3344_5566_7788L);
        Lease next = pass(old, "nvme gen 2");
        assertThat(next.epoch()).isEqualTo(2);
        assertThat(next.owner()).isEqualTo("nvme gen 2");
        assertThat(next.isValid()).isTrue();
        DmaBuffer same = services.dma.adopt(next, ring.address());
        assertThat(same.address()).isEqualTo(ring.address());
        assertThat(same.size()).isEqualTo(4096);
        assertThat(same.pool()).isSameAs(ring.pool());
        assertThat(same.segment().get(ValueLayout.JAVA_LONG, 8)).isEqualTo(0x1122_3344_5566_7788L);
        assertThat(resets).hasValue(0);
        assertThat(nvme.command() & MASTER).isEqualTo(MASTER);
        assertThat(retire(old)).isTrue();
        same.segment().set(ValueLayout.JAVA_LONG, 16, 1);
        same.close();
        assertThat(context.dma().bytesInUse()).isZero();
        assertThat(release(next).confirmed()).isTrue();
        assertThat(resets).hasValue(1);
    }

    @Test
    void whatTheOldHolderHasThrows() {
        Lease old = start();
        DmaBuffer ring = page(old);
        MmioRegion registers = services.mmio.map(old, 0);
        IrqVectors vectors = vectors(old);
        Lease next = pass(old, "next");
        assertThat(old.state()).isEqualTo(Lease.State.PASSED);
        assertThatThrownBy(() -> registers.read32(0))
                .isInstanceOf(LeaseRevokedException.class)
                .hasMessage("nvme gen 1 BAR 0: the lease of nvme gen 1 is PASSED");
        assertThatThrownBy(() -> services.mmio.map(old, 0))
                .isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> page(old)).isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> services.dma.adopt(old, ring.address()))
                .isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> services.irqs.adopt(old))
                .isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> services.pci.busMaster(old, false))
                .isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> vectors.handler(0, _ -> {}))
                .isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> vectors.raise(0)).isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> pass(old, "third"))
                .isInstanceOf(LeaseRevokedException.class)
                .hasMessage("passing it on: the lease of nvme gen 1 is PASSED");
        // Mapped ones until they are retired, and what the old holder closes is not his any more.
        ring.segment().set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
        ring.close();
        vectors.close();
        assertThat(nvme.read(0x42, 2)).isEqualTo(0x8003);
        assertThat(context.dma().bytesInUse()).isEqualTo(4096);
        assertThat(retire(old)).isTrue();
        assertThat(retire(old)).isTrue();
        assertThatThrownBy(() -> ring.segment().get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
        assertThat(services.dma.adopt(next, ring.address()).segment().get(ValueLayout.JAVA_BYTE, 0))
                .isEqualTo((byte) 1);
    }

    @Test
    void onlyTheNextLeaseIsListed() {
        Lease old = start();
        Lease next = pass(old, "next");
        assertThat(services.leases.holder(device)).containsSame(next);
        assertThat(services.leases.leases()).containsExactly(next);
        assertThatThrownBy(() -> services.leases.grant(device, "other"))
                .hasMessageContaining("is held by next");
        assertThatThrownBy(() -> retire(next)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aPassedLeaseCannotResetTheDevice() {
        Lease old = start();
        page(old);
        Lease next = pass(old, "next");
        Release nothing = release(old);
        assertThat(nothing.confirmed()).isFalse();
        assertThat(nothing.reset()).isEqualTo("passed on, nothing was reset");
        assertThat(nothing.bytesReturned()).isZero();
        assertThat(nothing.bytesQuarantined()).isZero();
        assertThat(resets).hasValue(0);
        assertThat(nvme.command() & MASTER).isEqualTo(MASTER);
        assertThat(old.state()).isEqualTo(Lease.State.PASSED);
        assertThat(next.isValid()).isTrue();
        assertThat(context.dma().bytesInUse()).isEqualTo(4096);
    }

    @Test
    void memoryIsTakenOverOnceAndByItsFirstAddress() {
        Lease old = start();
        DmaBuffer ring = page(old);
        Lease next = pass(old, "next");
        assertThatThrownBy(() -> services.dma.adopt(next, ring.address() + 64))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining(Long.toHexString(ring.address() + 64));
        services.dma.adopt(next, ring.address());
        assertThatThrownBy(() -> services.dma.adopt(next, ring.address()))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("0x" + Long.toHexString(ring.address()));
        DmaBuffer fresh = page(next);
        assertThatThrownBy(() -> services.dma.adopt(next, fresh.address()))
                .isInstanceOf(DeviceException.class);
    }

    @Test
    void memoryAdoptedOrNotGoesWithTheLastLease() {
        Lease first = start();
        DmaBuffer adopted = page(first);
        page(first);
        Lease second = pass(first, "second");
        services.dma.adopt(second, adopted.address());
        page(second);
        Lease third = pass(second, "third");
        assertThat(context.dma().blocksInUse()).isEqualTo(3);
        Release report = release(third);
        assertThat(report.confirmed()).isTrue();
        assertThat(report.bytesReturned()).isEqualTo(3 * 4096);
        assertThat(third.state()).isEqualTo(Lease.State.RELEASED);
        assertThat(context.dma().blocksInUse()).isZero();
        // Neither was retired: the last lease's end did it.
        assertThatThrownBy(() -> adopted.segment().get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void anUnconfirmedResetQuarantinesAdoptedAndUnadoptedMemory() {
        Lease old = start();
        DmaBuffer ring = page(old);
        page(old);
        Lease next = pass(old, "next");
        services.dma.adopt(next, ring.address());
        obeys = false;
        Release report = release(next);
        assertThat(report.confirmed()).isFalse();
        assertThat(report.bytesQuarantined()).isEqualTo(8192);
        assertThat(next.state()).isEqualTo(Lease.State.QUARANTINED);
        assertThat(context.dma().bytesInUse()).isEqualTo(8192);
        obeys = true;
        assertThat(services.leases.grant(device, "again").epoch()).isEqualTo(3);
        assertThat(context.dma().bytesInUse()).isZero();
    }

    /// The bus master bit was set with the old lease: the new one's end must confirm a reset.
    @Test
    void thatTheDeviceMasteredTheBusIsNotForgotten() {
        Lease next = pass(start(), "next");
        assertThat(release(next).reset()).isEqualTo("CSTS.RDY = 0");
    }

    @Test
    void nothingIsAskedOfTheDevice() {
        Lease old = start();
        DmaBuffer ring = page(old);
        vectors(old).handler(0, _ -> {});
        machine.state(Machine.State.STALLED);
        Lease next = pass(old, "next");
        services.dma.adopt(next, ring.address());
        services.irqs.adopt(next).orElseThrow().handler(0, _ -> {});
        machine.state(Machine.State.READY);
        assertThat(nvme.read(0x42, 2)).isEqualTo(0x8003);
    }

    @Test
    void childLeasesHinderTheirParent() {
        Lease parent = start();
        Device behind = new Behind();
        Lease child = services.leases.grantChild(parent, behind, "child", _ -> true);
        assertThatThrownBy(() -> pass(parent, "next"))
                .isInstanceOf(DeviceException.class)
                .hasMessage("nvme gen 1 has child leases and cannot be passed on: [child]");
        assertThat(parent.isValid()).isTrue();
        release(child);
        Lease next = pass(parent, "next");
        assertThat(services.leases.grantChild(next, behind, "child", _ -> true).epoch())
                .isEqualTo(2);
    }

    @Test
    void aStuckHandlerKeepsTheLeaseWhereItIs() throws InterruptedException {
        Lease lease = start();
        page(lease);
        IrqVectors vectors = vectors(lease);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        vectors.handler(0, _ -> stay(inside, enough));
        vectors.raise(0);
        assertThat(inside.await(5, TimeUnit.SECONDS)).isTrue();
        assertThatThrownBy(() -> services.leases.pass(lease, "next", Deadline.afterMillis(30)))
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessageContaining("nvme gen 1: an interrupt handler did not return");
        assertThat(lease.isValid()).isTrue();
        assertThat(services.leases.holder(device)).containsSame(lease);
        // Disabled in the device, and for the holder.
        assertThat(nvme.read(0x42, 2)).isEqualTo(0x4003);
        assertThatThrownBy(() -> vectors.raise(0)).isInstanceOf(LeaseRevokedException.class);
        // Else it is as before.
        assertThat(services.leases.grantChild(lease, new Behind(), "child", _ -> true).isValid())
                .isTrue();
        enough.countDown();
        Release report = release(lease);
        assertThat(report.confirmed()).isTrue();
        assertThat(report.bytesReturned()).isEqualTo(4096);
        assertThat(services.irqs.active()).isZero();
        assertThat(machine.available()).isEqualTo(16);
    }

    private static void stay(CountDownLatch inside, CountDownLatch enough) {
        inside.countDown();
        try {
            assertThat(enough.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aDeviceThatVanishesMeanwhileIsNotPassedOn() throws Exception {
        Lease lease = start();
        page(lease);
        IrqVectors vectors = vectors(lease);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        vectors.handler(0, _ -> stay(inside, enough));
        vectors.raise(0);
        assertThat(inside.await(5, TimeUnit.SECONDS)).isTrue();
        var passing = new FutureTask<>(() -> pass(lease, "next"));
        Thread.ofPlatform().daemon().start(passing);
        // Its way into the wait for the handler is over once the vectors refuse.
        await(() -> refuses(vectors));
        device.markGone();
        enough.countDown();
        assertThatThrownBy(() -> passing.get(5, TimeUnit.SECONDS))
                .hasCauseInstanceOf(DeviceGoneException.class);
        assertThat(lease.isValid()).isTrue();
        Release report = release(lease);
        assertThat(report.reset()).isEqualTo("gone");
        assertThat(report.bytesReturned()).isEqualTo(4096);
        assertThat(context.dma().blocksInUse()).isZero();
        assertThatThrownBy(() -> pass(lease, "late")).isInstanceOf(LeaseRevokedException.class);
    }

    private static boolean refuses(IrqVectors vectors) {
        try {
            vectors.unmask(0);
            return false;
        } catch (LeaseRevokedException e) {
            return true;
        }
    }

    /// A blocking read into the memory keeps its arena open, as any native call does.
    @Test
    void memoryThatNativeCodeUsesCannotBeRetired() throws IOException, InterruptedException {
        Lease old = start();
        DmaBuffer ring = page(old);
        ByteBuffer into = ring.segment().asByteBuffer();
        Pipe pipe = Pipe.open();
        try (Pipe.SourceChannel source = pipe.source();
                Pipe.SinkChannel sink = pipe.sink()) {
            var reading = new FutureTask<>(() -> source.read(into));
            Thread reader = Thread.ofPlatform().daemon().start(reading);
            await(() -> {
                StackTraceElement[] stack = reader.getStackTrace();
                return stack.length > 0 && stack[0].isNativeMethod();
            });
            Lease next = pass(old, "next");
            assertThat(services.leases.retire(old, Deadline.afterMillis(20))).isFalse();
            Release report = release(next);
            assertThat(report.confirmed()).isTrue();
            assertThat(report.reset()).contains("native code still uses memory of the lease");
            assertThat(next.state()).isEqualTo(Lease.State.QUARANTINED);
            assertThat(context.dma().bytesInUse()).isEqualTo(4096);
            sink.write(ByteBuffer.allocate(1));
            assertThat(reader.join(Duration.ofSeconds(5))).isTrue();
            assertThat(retire(old)).isTrue();
            assertThat(services.leases.grant(device, "third").epoch()).isEqualTo(3);
            assertThat(context.dma().bytesInUse()).isZero();
        }
    }

    @Test
    void aHundredPassesLeaveNothingBehind() throws IOException {
        Lease lease = start();
        long address = page(lease).address();
        page(lease);
        vectors(lease).handler(0, _ -> {});
        lease = passAndTake(lease, address);
        long files = openFiles();
        long threads = dispatchers();
        for (int i = 0; i < 100; i++) {
            lease = passAndTake(lease, address);
        }
        assertThat(lease.epoch()).isEqualTo(102);
        assertThat(openFiles()).isLessThanOrEqualTo(files);
        assertThat(dispatchers()).isEqualTo(threads).isEqualTo(1);
        assertThat(services.irqs.active()).isEqualTo(1);
        assertThat(context.dma().blocksInUse()).isEqualTo(2);
        assertThat(release(lease).bytesReturned()).isEqualTo(8192);
        assertThat(openFiles()).isLessThan(files);
        assertThat(dispatchers()).isZero();
    }

    private Lease passAndTake(Lease from, long address) {
        Lease next = pass(from, "nvme gen " + (from.epoch() + 1));
        services.dma.adopt(next, address);
        services.irqs.adopt(next).orElseThrow().handler(0, _ -> {});
        assertThat(retire(from)).isTrue();
        return next;
    }

    private static long openFiles() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
            return files.count();
        }
    }

    private static long dispatchers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.getName().startsWith("irq nvme gen"))
                .count();
    }

    @Test
    void ofPassAndReleaseExactlyOneWins() throws Exception {
        for (int i = 0; i < 200; i++) {
            Lease lease = start();
            page(lease);
            vectors(lease).handler(0, _ -> {});
            CyclicBarrier together = new CyclicBarrier(2);
            FutureTask<Lease> passing = begin(together, () -> pass(lease, "next"));
            FutureTask<Release> releasing = begin(together, () -> release(lease));
            Lease next = passed(passing);
            Release report = releasing.get(5, TimeUnit.SECONDS);
            assertThat(report.confirmed()).isEqualTo(next == null);
            if (next == null) {
                assertThat(lease.state()).isEqualTo(Lease.State.RELEASED);
            } else {
                assertThat(lease.state()).isEqualTo(Lease.State.PASSED);
                assertThat(services.leases.holder(device)).containsSame(next);
                assertThat(release(next).bytesReturned()).isEqualTo(4096);
            }
            assertThat(services.leases.leases()).isEmpty();
            assertThat(context.dma().blocksInUse()).isZero();
            assertThat(machine.available()).isEqualTo(16);
        }
    }

    private static <T> FutureTask<T> begin(CyclicBarrier together, Callable<T> what) {
        var task =
                new FutureTask<>(() -> {
                    together.await(5, TimeUnit.SECONDS);
                    return what.call();
                });
        Thread.ofPlatform().daemon().start(task);
        return task;
    }

    private static Lease passed(FutureTask<Lease> passing)
            throws InterruptedException, TimeoutException {
        try {
            return passing.get(5, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            assertThat(e).hasCauseInstanceOf(LeaseRevokedException.class);
            return null;
        }
    }

    /// A device that goes while its lease is passed on leaves no lease, whoever was first.
    @Test
    void aDeviceThatGoesTakesTheNextLeaseToo() throws Exception {
        for (int i = 0; i < 50; i++) {
            Lease lease = start();
            page(lease);
            vectors(lease).handler(0, _ -> {});
            CyclicBarrier together = new CyclicBarrier(2);
            FutureTask<Lease> passing = begin(together, () -> pass(lease, "next"));
            FutureTask<Boolean> going =
                    begin(
                            together,
                            () -> {
                                services.leases.releaseAll(device, Deadline.afterMillis(2000));
                                return true;
                            });
            passed(passing);
            assertThat(going.get(5, TimeUnit.SECONDS)).isTrue();
            assertThat(services.leases.leases()).isEmpty();
            assertThat(context.dma().blocksInUse()).isZero();
        }
    }

    private static final class Behind implements Device {
        @Override
        public String id() {
            return "behind";
        }

        @Override
        public String bus() {
            return "usb";
        }

        @Override
        public String machine() {
            return "fake";
        }

        @Override
        public boolean isPresent() {
            return true;
        }
    }
}
