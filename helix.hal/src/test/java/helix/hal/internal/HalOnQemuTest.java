package helix.hal.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.MmioRegion;
import helix.hal.api.PciBar;
import helix.hal.api.PciDevice;
import helix.hal.api.lease.LeaseService.Release;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.MachineControl;
import helix.hal.internal.fake.FakeFramework;
import helix.hal.internal.fake.Services;
import helix.hal.internal.pci.PciFunction;
import helix.hal.qemu.QemuComponent;
import java.io.File;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The HAL over QEMU's device models, with everything of the default profile.
class HalOnQemuTest {
    private static final int START_SECONDS = 20;

    /// Of the admin queues.
    private static final int ENTRIES = 16;

    @TempDir static Path instance;
    private static FakeFramework framework;
    private static QemuComponent qemu;
    private static Services services;
    private static Hal hal;
    private static Machine machine;
    private static MachineControl control;

    @BeforeAll
    static void start() throws InterruptedException {
        boolean installed =
                Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
                        .anyMatch(d -> new File(d, "qemu-system-x86_64").canExecute());
        assumeTrue(installed, "qemu-system-x86_64 is not installed");
        framework =
                new FakeFramework()
                        .property("helix.machine", "qemu")
                        .property("helix.disks", "null:64M")
                        .property("helix.instance", instance.toString());
        qemu = new QemuComponent(framework.context());
        machine = framework.await(Machine.class, _ -> true, START_SECONDS);
        control = framework.await(MachineControl.class, _ -> true, START_SECONDS);
        services = new Services();
        hal =
                new Hal(
                        framework.context(),
                        services.leases,
                        services.irqs,
                        services.pci,
                        services.mmio,
                        services.dma,
                        services.ports);
        hal.addMachine(machine);
    }

    @AfterAll
    static void stop() {
        if (hal != null) {
            hal.deactivate();
            assertThat(framework.objects(PciDevice.class)).isEmpty();
        }
        if (qemu != null) {
            qemu.stop();
        }
    }

    @Test
    void everyFunctionIsFoundAndItsRegistersHaveAddresses() {
        List<PciDevice> functions = framework.objects(PciDevice.class);
        assertThat(functions).extracting(PciDevice::address).isSorted();
        assertThat(functions)
                .extracting(f -> "%06x".formatted(f.classCode()))
                .contains("060400", "010802", "010000", "0c0330", "020000", "010601");
        List<PciBar> bars = functions.stream().flatMap(f -> f.bars().stream()).toList();
        assertThat(bars)
                .hasSizeGreaterThan(20)
                .allSatisfy(b -> assertThat(b.address()).isPositive())
                .allSatisfy(b -> assertThat(b.address() % b.size()).isZero());
        List<PciDevice> behind = functions.stream().filter(f -> f.parent().isPresent()).toList();
        assertThat(behind).extracting(PciDevice::vendorId).contains(0x1AF4, 0x8086);
    }

    @Test
    void registersBehindBridgesAnswer() {
        PciDevice nic =
                framework.objects(PciDevice.class).stream()
                        .filter(f -> f.deviceId() == 0x100E && f.parent().isPresent())
                        .findFirst()
                        .orElseThrow();
        Lease lease = services.leases.grant(nic, "test");
        // RAL0 and RAH0: the address that the profile gives this card, 52:54:00:48:58:03.
        MmioRegion registers = services.mmio.map(lease, 0);
        assertThat(registers.read32(0x5400)).isEqualTo(0x4800_5452);
        assertThat(registers.read32(0x5404) & 0xFFFF).isEqualTo(0x0358);
        Release release = services.leases.release(lease, Deadline.afterMillis(2000));
        assertThat(release.confirmed()).isTrue();
        assertThatThrownBy(() -> registers.read32(0)).isInstanceOf(LeaseRevokedException.class);
    }

    @Test
    void portRegistersAnswerAsMemoryDoes() throws InterruptedException {
        PciDevice nic = framework.await(PciDevice.class, f -> f.vendorId() == 0x10EC, 1);
        Lease lease = services.leases.grant(nic, "test");
        // IDR0 to IDR5: 52:54:00:48:58:02.
        for (int bar = 0; bar < 2; bar++) {
            MmioRegion registers = services.mmio.map(lease, bar);
            assertThat(registers.read32(0)).isEqualTo(0x4800_5452);
            assertThat(registers.read8(5)).isEqualTo(0x02);
        }
        services.leases.release(lease, Deadline.afterMillis(2000));
    }

    @Test
    void aMachineThatWasResetIsFoundAnew() throws InterruptedException {
        PciDevice drive = nvme(f -> f.parent().isEmpty());
        control.fault("reset", Map.of());
        framework.awaitGone(drive, 5);
        assertThat(drive.isPresent()).isFalse();
        PciDevice again = nvme(f -> f.parent().isEmpty());
        // The last one by address: everything is there again.
        framework.await(PciDevice.class, f -> f.deviceId() == 0x100E && f.parent().isPresent(), 5);
        identify(again);
    }

    @Test
    void aDeviceOfAStalledMachineIsQuarantinedUntilItAnswers() throws InterruptedException {
        PciDevice drive = nvme(f -> f.parent().isEmpty());
        Lease lease = services.leases.grant(drive, "stalled");
        DmaBuffer ring = services.dma.allocate(lease, DmaRequest.pages(4096));
        services.pci.busMaster(lease, true);
        control.fault("stall", Map.of());
        Release release = services.leases.release(lease, Deadline.afterMillis(500));
        assertThat(release.confirmed()).isFalse();
        assertThat(release.bytesQuarantined()).isEqualTo(4096);
        assertThat(ring.size()).isEqualTo(4096);
        assertThatThrownBy(() -> services.leases.grant(drive, "early"))
                .hasMessageContaining("is quarantined");
        control.fault("resume", Map.of());
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (machine.status().state() != Machine.State.READY && System.nanoTime() - end < 0) {
            Thread.onSpinWait();
        }
        identify(drive);
    }

    @Test
    void everyDriveableFunctionConfirmsAReset() {
        for (PciDevice function : framework.objects(PciDevice.class)) {
            if (((PciFunction) function).reservation().isPresent()) {
                assertThatThrownBy(() -> services.leases.grant(function, "test"))
                        .hasMessageContaining("is reserved by the platform for");
                continue;
            }
            Lease lease = services.leases.grant(function, "test");
            services.pci.busMaster(lease, true);
            Release release = services.leases.release(lease, Deadline.afterMillis(3000));
            switch (function.classCode()) {
                // No class of their own: host bridge, ISA bridge, SMBus.
                case 0x060000, 0x060100, 0x0C0500 ->
                        assertThat(release.reset()).isEqualTo("no reset for this device");
                default -> assertThat(release).matches(Release::confirmed);
            }
        }
    }

    @Test
    void aLineInterruptArrives() throws InterruptedException {
        PciDevice nic =
                framework.objects(PciDevice.class).stream()
                        .filter(f -> f.deviceId() == 0x100E && f.parent().isEmpty())
                        .findFirst()
                        .orElseThrow();
        Lease lease = services.leases.grant(nic, "test");
        MmioRegion registers = services.mmio.map(lease, 0);
        IrqVectors vectors = services.irqs.allocate(lease, 1, 1, Set.of(IrqKind.INTX));
        BlockingQueue<Integer> causes = new LinkedBlockingQueue<>();
        // Reading ICR clears it.
        vectors.handler(0, _ -> causes.add(registers.read32(0xC0)));
        registers.write32(0xD0, 4);
        for (int i = 0; i < 20; i++) {
            registers.write32(0xC8, 4);
            Integer cause = causes.poll(5, TimeUnit.SECONDS);
            assertThat(cause).isNotNull();
            assertThat(cause & 4).isEqualTo(4);
        }
        vectors.mask(0);
        registers.write32(0xC8, 4);
        assertThat(causes.poll(50, TimeUnit.MILLISECONDS)).isNull();
        vectors.unmask(0);
        assertThat(causes.poll(5, TimeUnit.SECONDS)).isNotNull();
        services.leases.release(lease, Deadline.afterMillis(2000));
    }

    @Test
    void adminCommandsOfADriveAreAnsweredByMessage() throws InterruptedException {
        PciDevice drive = nvme(f -> f.parent().isEmpty());
        long before = ((PciFunction) drive).context().dma().bytesInUse();
        identify(drive);
        assertThat(((PciFunction) drive).context().dma().bytesInUse()).isEqualTo(before);
        assertThat(services.irqs.active()).isZero();
    }

    @Test
    void aDriveIsPluggedAndUnplugged() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            String id = control.plug("nvme", Map.of("size", "16M"));
            PciDevice drive = nvme(f -> f.parent().isPresent());
            identify(drive);
            control.unplug(id);
            framework.awaitGone(drive, 5);
            assertThat(drive.isPresent()).isFalse();
            assertThatThrownBy(() -> services.leases.grant(drive, "late"))
                    .isInstanceOf(DeviceGoneException.class);
        }
    }

    @Test
    void aLeaseOfAnUnpluggedDriveEnds() throws InterruptedException {
        String id = control.plug("nvme", Map.of("size", "16M"));
        PciDevice drive = nvme(f -> f.parent().isPresent());
        Lease lease = services.leases.grant(drive, "test");
        MmioRegion registers = services.mmio.map(lease, 0);
        control.unplug(id);
        framework.awaitGone(drive, 5);
        assertThatThrownBy(() -> registers.read32(0)).isInstanceOf(LeaseRevokedException.class);
        assertThat(lease.state()).isEqualTo(Lease.State.RELEASED);
    }

    /// A drive's admin queue, its registers by calls to QEMU and its interrupt pass from lease to
    /// lease; each finds the command that the one before left in flight.
    @Test
    void aDriveGoesOnWhileItsLeaseIsPassedOn() throws InterruptedException {
        int passes = 50;
        Lease lease = services.leases.grant(nvme(f -> f.parent().isEmpty()), "gen 1");
        services.irqs.allocate(lease, 1, 4, Set.of(IrqKind.MSIX));
        DmaBuffer submissions = services.dma.allocate(lease, DmaRequest.pages(4096));
        DmaBuffer completions = services.dma.allocate(lease, DmaRequest.pages(4096));
        DmaBuffer data = services.dma.allocateShared(lease, DmaRequest.pages(4096));
        MmioRegion registers = services.mmio.map(lease, 0);
        enable(lease, registers, submissions, completions);
        long[] nanos = new long[passes];
        for (int i = 0; i < passes; i++) {
            identify(registers, submissions, data, i);
            long start = System.nanoTime();
            Lease next = services.leases.pass(lease, "next", Deadline.afterMillis(2000));
            nanos[i] = System.nanoTime() - start;
            submissions = services.dma.adopt(next, submissions.address());
            completions = services.dma.adopt(next, completions.address());
            IrqVectors vectors = services.irqs.adopt(next).orElseThrow();
            Semaphore came = new Semaphore(0);
            vectors.handler(0, _ -> came.release());
            awaitCompletion(came, completions, i);
            MmioRegion before = registers;
            assertThatThrownBy(() -> before.read32(0x1C)).isInstanceOf(LeaseRevokedException.class);
            assertThat(services.leases.retire(lease, Deadline.afterMillis(2000))).isTrue();
            registers = services.mmio.map(next, 0);
            // CSTS.RDY: it was never reset.
            assertThat(registers.read32(0x1C) & 1).isEqualTo(1);
            registers.write32Release(0x1004, (i + 1) % ENTRIES);
            lease = next;
        }
        Arrays.sort(nanos);
        // The device is not asked, so even a busy machine is far from this.
        assertThat(nanos[passes / 2]).isLessThan(TimeUnit.MILLISECONDS.toNanos(20));
        assertThat(lease.epoch()).isGreaterThan(passes);
        Release release = services.leases.release(lease, Deadline.afterMillis(2000));
        assertThat(release.confirmed()).isTrue();
        assertThat(release.bytesReturned()).isEqualTo(8192);
        data.close();
    }

    /// The i-th command's completion, with a wake-up: the HAL's own or the drive's.
    private static void awaitCompletion(Semaphore came, DmaBuffer completions, int i)
            throws InterruptedException {
        int status = 16 * (i % ENTRIES) + 12;
        int phase = 1 - i / ENTRIES % 2;
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        do {
            assertThat(System.nanoTime() - end).isNegative();
            assertThat(came.tryAcquire(5, TimeUnit.SECONDS)).isTrue();
        } while ((completions.segment().get(ValueLayout.JAVA_INT, status) >>> 16 & 1) != phase);
        assertThat(completions.segment().get(ValueLayout.JAVA_INT, status))
                .isEqualTo(phase << 16 | i + 1);
    }

    private static PciDevice nvme(Predicate<PciDevice> which) throws InterruptedException {
        return framework.await(PciDevice.class, f -> f.classCode() == 0x010802 && which.test(f), 5);
    }

    /// As little of NVM Express Base 2.0 as makes one command, waits for its MSI-X message and
    /// leaves all the rest to the lease's end.
    private static void identify(PciDevice drive) throws InterruptedException {
        Lease lease = services.leases.grant(drive, "test");
        MmioRegion registers = services.mmio.map(lease, 0);
        IrqVectors vectors = services.irqs.allocate(lease, 1, 4, Set.of(IrqKind.MSIX));
        assertThat(vectors.count()).isEqualTo(4);
        CountDownLatch came = new CountDownLatch(1);
        vectors.handler(0, _ -> came.countDown());
        DmaBuffer submissions = services.dma.allocate(lease, DmaRequest.pages(4096));
        DmaBuffer completions = services.dma.allocate(lease, DmaRequest.pages(4096));
        DmaBuffer data = services.dma.allocateShared(lease, DmaRequest.pages(4096));
        enable(lease, registers, submissions, completions);
        identify(registers, submissions, data, 0);
        assertThat(came.await(5, TimeUnit.SECONDS)).isTrue();
        assertThat(completions.segment().get(ValueLayout.JAVA_INT, 12)).isEqualTo(0x0001_0001);
        assertThat(data.segment().get(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 0x1B36);
        Release release = services.leases.release(lease, Deadline.afterMillis(2000));
        assertThat(release.confirmed()).isTrue();
        assertThat(release.bytesReturned()).isEqualTo(8192);
        assertThatThrownBy(() -> submissions.segment().get(ValueLayout.JAVA_INT, 0))
                .isInstanceOf(IllegalStateException.class);
        data.close();
    }

    private static void enable(
            Lease lease, MmioRegion registers, DmaBuffer submissions, DmaBuffer completions) {
        services.pci.busMaster(lease, true);
        registers.write32(0x24, ENTRIES - 1 << 16 | ENTRIES - 1);
        registers.write64(0x28, submissions.address());
        registers.write64(0x30, completions.address());
        registers.write32(0x14, 0x0046_0001);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while ((registers.read32(0x1C) & 1) == 0 && System.nanoTime() - end < 0) {
            Thread.onSpinWait();
        }
    }

    /// Submits the i-th command, Identify (06h), controller data structure (CNS 01h), as number i +
    /// 1.
    private static void identify(
            MmioRegion registers, DmaBuffer submissions, DmaBuffer data, int i) {
        long entry = 64L * (i % ENTRIES);
        submissions.segment().set(ValueLayout.JAVA_INT, entry, i + 1 << 16 | 0x06);
        submissions.segment().set(ValueLayout.JAVA_LONG, entry + 24, data.address());
        submissions.segment().set(ValueLayout.JAVA_INT, entry + 40, 1);
        registers.write32Release(0x1000, (i + 1) % ENTRIES);
    }
}
