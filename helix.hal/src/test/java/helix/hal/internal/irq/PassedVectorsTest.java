package helix.hal.internal.irq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import helix.hal.internal.lease.Leases;
import helix.hal.internal.pci.PciEnumerator;
import java.nio.ByteBuffer;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Interrupts of a lease that is passed on.
class PassedVectorsTest {
    private static final int INTX_DISABLE = 1 << 10;

    /// Where the fake routes INTA of device 4.
    private static final int LINE = 16;

    private final FakeMachine machine = new FakeMachine("fake");
    private final MachineContext context = new MachineContext(machine, 0);
    private final Leases leases = new Leases();
    private final Irqs irqs = new Irqs();
    private final BlockingQueue<String> calls = new LinkedBlockingQueue<>();

    @AfterEach
    void close() {
        leases.leases().forEach(l -> leases.release(l, Deadline.afterMillis(2000)));
        assertThat(irqs.active()).isZero();
        assertThat(machine.available()).isEqualTo(16);
        assertThat(machine.connections()).isZero();
        machine.close();
    }

    private Lease grant(FakeFunction function) {
        machine.with(0x20, function);
        return leases.grant(new PciEnumerator(context, machine).enumerate().all().get(0), "old");
    }

    private Lease pass(Lease from) {
        return leases.pass(from, "next", Deadline.afterMillis(2000));
    }

    private String next() throws InterruptedException {
        return calls.poll(5, TimeUnit.SECONDS);
    }

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).isNegative();
            Thread.onSpinWait();
        }
    }

    private static FakeFunction msiX() {
        return new FakeFunction(0x1B36, 0x0010, 0xFF0000)
                .bar(0, 0x4000, 4)
                .msiX(2, 0, 0x2000, 0x3000);
    }

    private void sendX(FakeFunction function, int vector) {
        ByteBuffer registers = function.registers(0);
        int entry = 0x2000 + 16 * vector;
        assertThat(function.read(0x42, 2) & 0xC000).isEqualTo(0x8000);
        assertThat(registers.getInt(entry + 12) & 1).isZero();
        machine.send(registers.getLong(entry), registers.getInt(entry + 8));
    }

    @Test
    void eachVectorIsRaisedOnceWhenItGetsItsHandler() throws InterruptedException {
        FakeFunction function = msiX();
        Lease old = grant(function);
        IrqVectors before = irqs.allocate(old, 2, 2, Set.of(IrqKind.MSIX));
        before.handler(0, v -> calls.add("old " + v));
        // The second was masked by the holder; the next one's begins dispatched all the same.
        before.handler(1, v -> calls.add("old " + v));
        before.mask(1);
        Lease next = pass(old);
        IrqVectors after = irqs.adopt(next).orElseThrow();
        assertThat(after.kind()).isEqualTo(IrqKind.MSIX);
        assertThat(after.count()).isEqualTo(2);
        after.handler(0, v -> calls.add("new " + v));
        assertThat(next()).isEqualTo("new 0");
        after.handler(1, v -> calls.add("new " + v));
        assertThat(next()).isEqualTo("new 1");
        await(() -> after.delivered(1) == 1);
        // Another handler is no reason to raise it again.
        after.handler(0, v -> calls.add("newer " + v));
        sendX(function, 1);
        assertThat(next()).isEqualTo("new 1");
        assertThat(calls).isEmpty();
        assertThat(after.delivered(0)).isEqualTo(1);
        assertThat(before.delivered(0)).isZero();
    }

    @Test
    void aMessageBetweenTheHandlersIsDelivered() throws InterruptedException {
        FakeFunction function = msiX();
        Lease old = grant(function);
        IrqVectors before = irqs.allocate(old, 2, 2, Set.of(IrqKind.MSIX));
        before.handler(0, _ -> calls.add("old"));
        Lease next = pass(old);
        sendX(function, 0);
        IrqVectors after = irqs.adopt(next).orElseThrow();
        sendX(function, 0);
        after.handler(0, _ -> calls.add("new"));
        assertThat(next()).isEqualTo("new");
        awaitIdle(after, function);
        sendX(function, 0);
        assertThat(next()).isEqualTo("new");
        assertThat(before.delivered(0)).isZero();
    }

    /// The same vector's calls are in order: after the second vector's nothing older is pending.
    private void awaitIdle(IrqVectors vectors, FakeFunction function) throws InterruptedException {
        vectors.handler(1, _ -> calls.add("idle"));
        String seen = next();
        while (!"idle".equals(seen)) {
            seen = next();
            assertThat(seen).isNotNull();
        }
    }

    /// What came while the old handler ran was seen by the old thread, and is not lost with it.
    @Test
    void aMessageDuringTheLastCallIsDelivered() throws Exception {
        FakeFunction function = msiX();
        Lease old = grant(function);
        IrqVectors before = irqs.allocate(old, 1, 2, Set.of(IrqKind.MSIX));
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        before.handler(
                0,
                _ -> {
                    inside.countDown();
                    try {
                        assertThat(enough.await(5, TimeUnit.SECONDS)).isTrue();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
        before.raise(0);
        assertThat(inside.await(5, TimeUnit.SECONDS)).isTrue();
        sendX(function, 0);
        BlockingQueue<Lease> passed = new LinkedBlockingQueue<>();
        Thread passing = Thread.ofPlatform().daemon().start(() -> passed.add(pass(old)));
        await(() -> passing.getState() == Thread.State.TIMED_WAITING);
        assertThat(passed).isEmpty();
        enough.countDown();
        Lease next = passed.poll(5, TimeUnit.SECONDS);
        assertThat(next).isNotNull();
        IrqVectors after = irqs.adopt(next).orElseThrow();
        after.handler(0, _ -> calls.add("new"));
        assertThat(next()).isEqualTo("new");
        assertThat(before.delivered(0)).isEqualTo(1);
    }

    @Test
    void anMsiBetweenTheHandlersIsDelivered() throws InterruptedException {
        FakeFunction function = new FakeFunction(0x1234, 1, 0xFF0000).msi(1);
        Lease old = grant(function);
        IrqVectors before = irqs.allocate(old, 2, 2, Set.of(IrqKind.MSI));
        before.handler(1, _ -> calls.add("old"));
        int message = function.read(0x4C, 2) + 1;
        long address = Integer.toUnsignedLong(function.read(0x44, 4));
        Lease next = pass(old);
        assertThat(function.read(0x42, 2) & 1).isEqualTo(1);
        machine.send(address, message);
        IrqVectors after = irqs.adopt(next).orElseThrow();
        assertThat(after.kind()).isEqualTo(IrqKind.MSI);
        after.handler(1, _ -> calls.add("new"));
        assertThat(next()).isEqualTo("new");
        await(() -> after.delivered(1) >= 1);
        calls.clear();
        machine.send(address, message);
        assertThat(next()).isEqualTo("new");
    }

    private void wire(FakeFunction function) {
        function.onConfig(4, _ -> level(function));
        level(function);
    }

    private void level(FakeFunction function) {
        synchronized (machine) {
            machine.line(LINE, function.assertsLine());
        }
    }

    @Test
    void aLineThatGoesUpBetweenTheHandlersIsServed() throws InterruptedException {
        FakeFunction function = new FakeFunction(0x1234, 1, 0xFF0000).config(0x3C, 0x100);
        Lease old = grant(function);
        wire(function);
        irqs.allocate(old, 1, 1, Set.of(IrqKind.INTX)).handler(0, _ -> calls.add("old"));
        Lease next = pass(old);
        assertThat(function.command() & INTX_DISABLE).isZero();
        function.interruptStatus(true);
        level(function);
        IrqVectors after = irqs.adopt(next).orElseThrow();
        after.handler(
                0,
                _ -> {
                    boolean served = (function.read(6, 2) & 1 << 3) != 0;
                    function.interruptStatus(false);
                    level(function);
                    calls.add(served ? "served" : "called");
                });
        assertThat(next()).isEqualTo("served");
        await(() -> !machine.isRaised(LINE));
        // What was pending is over; from now on only the line calls.
        await(() -> after.delivered(0) >= 1);
        function.interruptStatus(true);
        level(function);
        String seen = next();
        assertThat("called".equals(seen) ? next() : seen).isEqualTo("served");
    }

    /// The old handler may have taken the cause away, and woken somebody who is gone.
    @Test
    void aLineIsRaisedOnceThoughTheDeviceAsksForNothing() throws InterruptedException {
        FakeFunction function = new FakeFunction(0x1234, 1, 0xFF0000).config(0x3C, 0x100);
        Lease old = grant(function);
        wire(function);
        IrqVectors before = irqs.allocate(old, 1, 1, Set.of(IrqKind.INTX));
        before.handler(0, _ -> calls.add("old"));
        before.mask(0);
        assertThat(function.command() & INTX_DISABLE).isEqualTo(INTX_DISABLE);
        IrqVectors after = irqs.adopt(pass(old)).orElseThrow();
        after.handler(0, _ -> calls.add("new"));
        assertThat(next()).isEqualTo("new");
        await(() -> (function.command() & INTX_DISABLE) == 0);
        await(() -> after.delivered(0) == 1);
        assertThat(calls).isEmpty();
    }

    @Test
    void vectorsAreTakenOverOnce() {
        Lease old = grant(msiX());
        irqs.allocate(old, 1, 2, Set.of(IrqKind.MSIX));
        Lease next = pass(old);
        assertThatThrownBy(() -> irqs.allocate(next, 1, 2, Set.of(IrqKind.MSIX)))
                .hasMessage("next holds interrupt vectors already");
        IrqVectors after = irqs.adopt(next).orElseThrow();
        assertThatThrownBy(() -> irqs.adopt(next))
                .isInstanceOf(DeviceException.class)
                .hasMessage("next took the interrupt vectors over already");
        after.close();
        assertThat(irqs.active()).isZero();
        irqs.allocate(next, 1, 2, Set.of(IrqKind.MSIX));
    }

    @Test
    void whoHadNoneLeavesNone() {
        Lease next = pass(grant(msiX()));
        assertThat(irqs.adopt(next)).isEmpty();
        irqs.allocate(next, 1, 1, Set.of(IrqKind.MSIX));
        // They are the lease's own, not passed on.
        assertThat(irqs.adopt(next)).isEmpty();
    }

    @Test
    void vectorsThatNobodyTookAreDisabledWithTheLease() {
        FakeFunction function = msiX();
        Lease old = grant(function);
        irqs.allocate(old, 1, 2, Set.of(IrqKind.MSIX)).handler(0, _ -> {});
        Lease third = pass(pass(old));
        assertThat(function.read(0x42, 2)).isEqualTo(0x8001);
        leases.release(third, Deadline.afterMillis(2000));
        assertThat(function.read(0x42, 2)).isEqualTo(0x4001);
        assertThat(machine.available()).isEqualTo(16);
    }

    @Test
    void aHandlerCannotPassItsOwnLeaseOn() throws InterruptedException {
        Lease lease = grant(msiX());
        IrqVectors vectors = irqs.allocate(lease, 1, 1, Set.of(IrqKind.MSIX));
        vectors.handler(
                0,
                _ -> {
                    try {
                        pass(lease);
                    } catch (IllegalStateException e) {
                        calls.add(e.getMessage());
                    }
                });
        vectors.raise(0);
        assertThat(next()).isEqualTo("old cannot be passed on from its own interrupt handler");
        assertThat(lease.isValid()).isTrue();
        vectors.raise(0);
        assertThat(next()).isNotNull();
    }
}
