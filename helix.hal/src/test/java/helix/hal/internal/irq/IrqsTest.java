package helix.hal.internal.irq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.InterruptFaultListener;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.PlatformDevice;
import helix.hal.api.machine.Machine;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.device.PlatformHardware;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import helix.hal.internal.lease.Leases;
import helix.hal.internal.pci.PciEnumerator;
import helix.hal.internal.pci.PciFunction;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class IrqsTest {
    private static final int INTX_DISABLE = 1 << 10;

    /// Where the fake routes INTA of devices 4 and 8.
    private static final int LINE = 16;

    private final FakeMachine machine = new FakeMachine("fake");
    private final MachineContext context = new MachineContext(machine, 0);
    private final Leases leases = new Leases();
    private final Irqs irqs = new Irqs();
    private final BlockingQueue<Integer> calls = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> faults = new LinkedBlockingQueue<>();

    @AfterEach
    void close() {
        leases.leases().forEach(l -> leases.release(l, Deadline.afterMillis(2000)));
        assertThat(machine.available()).isEqualTo(16);
        assertThat(machine.connections()).isZero();
        machine.close();
    }

    private static FakeFunction messages(int vectors) {
        return new FakeFunction(0x1B36, 0x0010, 0xFF0000)
                .bar(0, 0x4000, 4)
                .msiX(vectors, 0, 0x2000, 0x3000);
    }

    private Lease grant(int index) {
        PciFunction function = new PciEnumerator(context, machine).enumerate().all().get(index);
        return leases.grant(function, "test " + index);
    }

    private IrqVectors allocate(Lease lease, int min, int max) {
        return irqs.allocate(lease, min, max, Set.of(IrqKind.values()));
    }

    private Integer next() throws InterruptedException {
        return calls.poll(5, TimeUnit.SECONDS);
    }

    private void send(FakeFunction function, int vector) {
        ByteBuffer registers = function.registers(0);
        int entry = 0x2000 + 16 * vector;
        assertThat(registers.getInt(entry + 12) & 1).isZero();
        machine.send(registers.getLong(entry), registers.getInt(entry + 8));
    }

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).isNegative();
            Thread.onSpinWait();
        }
    }

    @Test
    void msiXVectorsAreProgrammedDispatchedAndCounted() throws InterruptedException {
        FakeFunction function = messages(8);
        machine.with(0x20, function);
        Lease lease = grant(0);
        IrqVectors vectors = allocate(lease, 2, 4);
        assertThat(vectors.kind()).isEqualTo(IrqKind.MSIX);
        assertThat(vectors.count()).isEqualTo(4);
        assertThat(function.read(0x42, 2)).isEqualTo(0x8007);
        assertThat(function.command() & INTX_DISABLE).isEqualTo(INTX_DISABLE);
        for (int i = 0; i < 4; i++) {
            vectors.handler(i, calls::add);
        }
        for (int i = 3; i >= 0; i--) {
            send(function, i);
            assertThat(next()).isEqualTo(i);
        }
        await(() -> vectors.delivered(3) == 1);
        assertThatThrownBy(() -> allocate(lease, 1, 1))
                .hasMessage("test 0 holds interrupt vectors already");
        vectors.close();
        vectors.close();
        assertThat(function.read(0x42, 2)).isEqualTo(0x4007);
        assertThat(irqs.active()).isZero();
        allocate(lease, 1, 8).close();
    }

    @Test
    void aMaskedVectorKeepsItsInterrupt() throws InterruptedException {
        FakeFunction function = messages(2);
        machine.with(0x20, function);
        IrqVectors vectors = allocate(grant(0), 2, 2);
        // Without a handler it is masked: what comes is kept.
        send(function, 0);
        vectors.handler(1, calls::add);
        vectors.raise(1);
        assertThat(next()).isEqualTo(1);
        vectors.handler(0, calls::add);
        assertThat(next()).isZero();
        vectors.mask(0);
        send(function, 0);
        vectors.raise(1);
        assertThat(next()).isEqualTo(1);
        assertThat(vectors.delivered(0)).isEqualTo(1);
        vectors.unmask(0);
        assertThat(next()).isZero();
    }

    @Test
    void aPendingMessageThatNobodyToldOfIsFound() throws InterruptedException {
        FakeFunction function = messages(2);
        machine.with(0x20, function);
        IrqVectors vectors = allocate(grant(0), 2, 2);
        vectors.handler(1, calls::add);
        function.registers(0).putInt(0x3000, 2);
        assertThat(next()).isEqualTo(1);
        function.registers(0).putInt(0x3000, 0);
    }

    @Test
    void msiTakesAPowerOfTwo() throws InterruptedException {
        FakeFunction function = new FakeFunction(0x1234, 1, 0xFF0000).msi(3);
        machine.with(0x20, function);
        IrqVectors vectors = allocate(grant(0), 2, 7);
        assertThat(vectors.kind()).isEqualTo(IrqKind.MSI);
        assertThat(vectors.count()).isEqualTo(4);
        assertThat(function.read(0x42, 2) & 0x71).isEqualTo(2 << 4 | 1);
        for (int i = 0; i < 4; i++) {
            vectors.handler(i, calls::add);
        }
        machine.send(Integer.toUnsignedLong(function.read(0x44, 4)), function.read(0x4C, 2) + 3);
        assertThat(next()).isEqualTo(3);
    }

    @Test
    void tooFewVectorsAreRefusedWithBothNumbers() {
        machine.with(0x20, messages(2));
        Lease lease = grant(0);
        assertThatThrownBy(() -> allocate(lease, 4, 8))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("test 0: wanted 4 to 8 interrupt vectors of ")
                .hasMessageContaining("MSI-X gives 2 (table 2, machine 16)");
        assertThat(machine.available()).isEqualTo(16);
    }

    @Test
    void aTableOutsideTheRegistersIsNotUsed() {
        machine.with(
                0x20, new FakeFunction(0x1234, 1, 0).bar(0, 0x1000, 0).msiX(64, 0, 0xE00, 0x0));
        Lease lease = grant(0);
        assertThatThrownBy(() -> allocate(lease, 1, 1))
                .hasMessageContaining("no usable MSI-X table");
    }

    private FakeFunction line(int devfn) {
        FakeFunction function = new FakeFunction(0x1234, 1, 0xFF0000).config(0x3C, 0x100);
        machine.with(devfn, function);
        return function;
    }

    /// The wire: a line is up while one of those on it asserts it.
    private void wire(FakeFunction... functions) {
        for (FakeFunction f : functions) {
            f.onConfig(4, _ -> level(functions));
        }
        level(functions);
    }

    private void level(FakeFunction... functions) {
        synchronized (machine) {
            machine.line(LINE, List.of(functions).stream().anyMatch(FakeFunction::assertsLine));
        }
    }

    @Test
    void thoseWhoShareALineAreEachCalledForTheirOwn() throws InterruptedException {
        FakeFunction one = line(4 << 3);
        FakeFunction other = line(8 << 3);
        wire(one, other);
        IrqVectors ones = allocate(grant(0), 1, 1);
        IrqVectors others = allocate(grant(1), 1, 1);
        assertThat(ones.kind()).isEqualTo(IrqKind.INTX);
        CountDownLatch bothRaised = new CountDownLatch(1);
        ones.handler(
                0,
                _ -> {
                    // While the first is served, the second raises the line that is up already.
                    one.interruptStatus(false);
                    other.interruptStatus(true);
                    bothRaised.countDown();
                    calls.add(1);
                });
        others.handler(
                0,
                _ -> {
                    other.interruptStatus(false);
                    calls.add(2);
                });
        for (int i = 0; i < 50; i++) {
            one.interruptStatus(true);
            level(one, other);
            assertThat(List.of(next(), next())).containsExactlyInAnyOrder(1, 2);
            level(one, other);
        }
        assertThat(bothRaised.getCount()).isZero();
        // Counted when the handler has returned, which is a moment after it was heard of.
        await(() -> others.delivered(0) == 50 && ones.delivered(0) == 50);
    }

    @Test
    void aLineIsMaskedInTheDevice() throws InterruptedException {
        FakeFunction function = line(4 << 3);
        wire(function);
        IrqVectors vectors = allocate(grant(0), 1, 1);
        vectors.handler(
                0,
                v -> {
                    function.interruptStatus(false);
                    calls.add(v);
                });
        vectors.mask(0);
        assertThat(function.command() & INTX_DISABLE).isEqualTo(INTX_DISABLE);
        function.interruptStatus(true);
        level(function);
        assertThat(machine.isRaised(LINE)).isFalse();
        vectors.unmask(0);
        assertThat(next()).isZero();
    }

    @Test
    void aHandlerThatLeavesTheLineUpIsCalledAgainUntilItIsMasked() throws InterruptedException {
        FakeFunction function = line(4 << 3);
        wire(function);
        irqs.addListener(listener());
        IrqVectors vectors = allocate(grant(0), 1, 1);
        vectors.handler(0, _ -> {});
        function.interruptStatus(true);
        level(function);
        assertThat(faults.poll(20, TimeUnit.SECONDS)).startsWith("storm 0: the line is still up");
        assertThat(vectors.storms()).isEqualTo(1);
        assertThat(function.assertsLine()).isFalse();
    }

    private InterruptFaultListener listener() {
        return new InterruptFaultListener() {
            @Override
            public void handlerFailed(Lease lease, int vector, Throwable cause) {
                faults.add("failed " + vector + ": " + cause.getMessage());
            }

            @Override
            public void stormMasked(Lease lease, int vector, String reason) {
                faults.add("storm " + vector + ": " + reason);
            }

            @Override
            public void handlerStuck(Lease lease, int vector, Duration since) {
                faults.add("stuck " + vector);
            }
        };
    }

    @Test
    void aStormIsMaskedAndReported() throws InterruptedException {
        Irqs nervous = new Irqs(1000);
        nervous.addListener(listener());
        machine.with(0x20, messages(1));
        IrqVectors vectors = nervous.allocate(grant(0), 1, 1, Set.of(IrqKind.MSIX));
        vectors.handler(0, vectors::raise);
        vectors.raise(0);
        assertThat(faults.poll(5, TimeUnit.SECONDS))
                .isEqualTo("storm 0: more than 1000 interrupts within a second");
        assertThat(vectors.storms()).isEqualTo(1);
        long delivered = vectors.delivered(0);
        assertThat(delivered).isEqualTo(1001);
        vectors.handler(0, calls::add);
        assertThat(next()).isZero();
    }

    @Test
    void aHandlerThatThrowsIsReportedAndCalledAgain() throws InterruptedException {
        irqs.addListener(listener());
        machine.with(0x20, messages(1));
        IrqVectors vectors = allocate(grant(0), 1, 1);
        vectors.handler(
                0,
                _ -> {
                    throw new IllegalStateException("on purpose");
                });
        vectors.raise(0);
        assertThat(faults.poll(5, TimeUnit.SECONDS)).isEqualTo("failed 0: on purpose");
        vectors.raise(0);
        assertThat(faults.poll(5, TimeUnit.SECONDS)).isEqualTo("failed 0: on purpose");
    }

    @Test
    void aHandlerThatDoesNotReturnIsReportedAndHoldsUpNobodyForever() throws InterruptedException {
        irqs.addListener(listener());
        machine.with(0x20, messages(1));
        Lease lease = grant(0);
        IrqVectors vectors = allocate(lease, 1, 1);
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        vectors.handler(
                0,
                v -> {
                    inside.countDown();
                    try {
                        enough.await();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
        vectors.raise(0);
        assertThat(inside.await(5, TimeUnit.SECONDS)).isTrue();
        await(() -> {
            irqs.watch();
            return !faults.isEmpty();
        });
        assertThat(faults.poll()).isEqualTo("stuck 0");
        // It takes a part of the time only: a reset is still to be done in the rest.
        Deadline deadline = Deadline.afterMillis(5_000);
        assertThat(leases.release(lease, deadline).confirmed()).isTrue();
        assertThat(deadline.remainingMillis()).isGreaterThan(3_000);
        assertThat(lease.isValid()).isFalse();
        enough.countDown();
        await(() -> irqs.active() == 0);
    }

    @Test
    void aPlatformDeviceHasAVectorForEachLine() throws InterruptedException {
        PlatformHardware keyboard =
                new PlatformHardware(
                        context,
                        new Machine.PlatformResource(
                                "kbc",
                                "PNP0303",
                                List.of(new PlatformDevice.PortRange(0x60, 1)),
                                List.of(1, 12)));
        IrqVectors vectors = allocate(leases.grant(keyboard, "ps2"), 1, 4);
        assertThat(vectors.count()).isEqualTo(2);
        for (int i = 0; i < 2; i++) {
            vectors.handler(
                    i,
                    v -> {
                        machine.line(v == 0 ? 1 : 12, false);
                        calls.add(v);
                    });
        }
        machine.line(12, true);
        assertThat(next()).isEqualTo(1);
        machine.line(1, true);
        assertThat(next()).isZero();
    }
}
