package helix.integration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.block.api.Disk;
import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.DmaService;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqService;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.lease.LeaseService;
import helix.hal.api.machine.MachineControl;
import helix.modules.api.binder.Binder;
import helix.modules.api.binder.Binder.Rule;
import helix.modules.api.reload.ReloadReport;
import helix.modules.api.reload.Reloads;
import helix.virtio.DeviceStatus;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import javax.inject.Inject;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.ops4j.pax.exam.Configuration;
import org.ops4j.pax.exam.Option;
import org.ops4j.pax.exam.spi.reactors.ExamReactorStrategy;
import org.ops4j.pax.exam.spi.reactors.PerClass;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/// Virtio devices on PCI are found, explained, leased from their bus driver's lease, and go and
/// come with it. An entropy source, which no driver wants, is driven by hand.
@RunWith(PaxExamOnQemu.class)
@ExamReactorStrategy(PerClass.class)
public class VirtioBusIT {
    private static final Duration LIMIT = Duration.ofSeconds(15);
    private static final String ENTROPY = "(&(virtio.device=4)(virtio.on=0000:00:12.0))";
    private static final String BLOCK = "(&(virtio.device=2)(virtio.on=0000:00:10.0))";

    @Inject private BundleContext context;

    @Configuration
    public Option[] platform() {
        return Platform.onQemu(
                List.of(
                        "-drive",
                        "id=b0,format=raw,if=none,file=" + Platform.scratchFile(16),
                        "-device",
                        "virtio-blk-pci,drive=b0,addr=10",
                        "-netdev",
                        "user,id=n0,restrict=on",
                        "-device",
                        "virtio-net-pci,netdev=n0,addr=11,romfile=",
                        "-device",
                        "virtio-rng-pci,addr=12"),
                "mem:64M");
    }

    @Test
    public void devicesGivenToQemuAreVirtioDevices() throws Exception {
        VirtioDevice block = Platform.service(context, VirtioDevice.class, BLOCK);
        assertThat(block.id()).isEqualTo("0000:00:10.0/virtio");
        assertThat(block.bus()).isEqualTo("virtio");
        assertThat(block.deviceId()).isEqualTo(2);
        assertThat(block.parent().device().id()).isEqualTo("0000:00:10.0");
        VirtioDevice net =
                Platform.service(
                        context,
                        VirtioDevice.class,
                        "(&(virtio.device=1)(virtio.on=0000:00:11.0))");
        assertThat(net.deviceId()).isEqualTo(1);
        ServiceReference<?> reference =
                context.getServiceReferences(VirtioDevice.class, BLOCK).iterator().next();
        assertThat(reference.getProperty("device.id")).isEqualTo("0000:00:10.0/virtio");
        assertThat(reference.getProperty("device.description")).isEqualTo("virtio block device");
    }

    @Test
    public void whyExplainsFunctionAndDevice() throws Exception {
        VirtioDevice entropy = Platform.service(context, VirtioDevice.class, ENTROPY);
        Binder binder = Platform.service(context, Binder.class);
        assertThat(binder.why("0000:00:12.0"))
                .filteredOn(r -> r.rule().startsWith("driver virtio-pci: "))
                .extracting(Rule::found)
                .containsExactly("matches by vendor and device id");
        assertThat(binder.why(entropy.id()))
                .contains(
                        new Rule(
                                "device " + entropy.id(), "present", "virtio device of qemu", true))
                .contains(new Rule("choice", "a driver", "none", false));
    }

    /// Registers, memory and interrupts with a child lease, and all of them over a hand-over.
    @Test
    public void aChildLeaseIsEnoughToDriveADeviceAndPassesOn() throws Exception {
        VirtioDevice device = Platform.service(context, VirtioDevice.class, ENTROPY);
        LeaseService leases = Platform.service(context, LeaseService.class);
        Lease first = leases.grantChild(device.parent(), device, "first", device::reset);
        Lease second = null;
        try {
            Entropy entropy = Entropy.bringUp(context, device, first);
            entropy.fetch(1);
            second = leases.pass(first, "second", Deadline.after(LIMIT));
            Entropy next = Entropy.takeOver(context, device, second, entropy.memory.address());
            next.fetch(2);
            assertThat(leases.retire(first, Deadline.after(LIMIT))).isTrue();
            next.fetch(3);
            assertThatThrownBy(() -> entropy.transport.status())
                    .isInstanceOf(LeaseRevokedException.class);
            assertThatThrownBy(() -> entropy.vectors.raise(0))
                    .isInstanceOf(LeaseRevokedException.class);
        } finally {
            LeaseService.Release release =
                    leases.release(second == null ? first : second, Deadline.after(LIMIT));
            assertThat(release.confirmed()).isTrue();
            assertThat(release.bytesReturned()).isEqualTo(4096);
        }
        // The next one finds a device that knows of nothing before.
        Lease third = leases.grantChild(device.parent(), device, "third", device::reset);
        try {
            VirtioTransport transport = device.open(third);
            assertThat(transport.status()).isZero();
            assertThat(transport.isQueueEnabled(0)).isFalse();
            Entropy.bringUp(context, device, third).fetch(1);
        } finally {
            leases.release(third, Deadline.after(LIMIT));
        }
    }

    @Test
    public void aReloadOfTheBusDriverTakesItsDevicesAlong() throws Exception {
        VirtioDevice device = Platform.service(context, VirtioDevice.class, ENTROPY);
        LeaseService leases = Platform.service(context, LeaseService.class);
        Lease lease = leases.grantChild(device.parent(), device, "by hand", device::reset);
        Entropy.bringUp(context, device, lease).fetch(1);
        Reloads reloads = Platform.service(context, Reloads.class);
        ReloadReport report = reloads.reload("virtio-pci", Reloads.Options.STANDARD);
        assertThat(report.outcome()).as("%s", report).isEqualTo(ReloadReport.Outcome.COMMITTED);
        assertThat(report.otherBundlesTouched()).isZero();
        assertThat(report.devices())
                .filteredOn(d -> d.device().equals("0000:00:12.0"))
                .singleElement()
                .satisfies(d -> assertThat(d.why()).isEqualTo("devices are behind it"));
        assertThat(lease.state()).isEqualTo(Lease.State.RELEASED);
        VirtioDevice again = Platform.service(context, VirtioDevice.class, ENTROPY);
        assertThat(again).isNotSameAs(device);
        assertThat(again.parent().epoch()).isGreaterThan(device.parent().epoch());
        Lease next = leases.grantChild(again.parent(), again, "again", again::reset);
        assertThat(next.epoch()).isGreaterThan(lease.epoch());
        Entropy.bringUp(context, again, next).fetch(1);
        leases.release(next, Deadline.after(LIMIT));
    }

    /// The disk waits for a driver meanwhile; it is absent only where its hardware is gone.
    @Test
    public void aDiskOutlivesItsBusDriversReload() throws Exception {
        Disk disk = disk("0000:00:10.0/virtio");
        Reloads reloads = Platform.service(context, Reloads.class);
        List<Disk.State> states = new CopyOnWriteArrayList<>();
        AtomicBoolean over = new AtomicBoolean();
        Thread looker =
                Thread.ofPlatform()
                        .start(() -> {
                            while (!over.get()) {
                                states.add(disk.state());
                                LockSupport.parkNanos(100_000);
                            }
                        });
        try (Disk.Access access = disk.open(Disk.OpenMode.WRITE_EXCLUSIVE, "test");
                Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(512).fill((byte) 0x5A);
            MemorySegment read = arena.allocate(512);
            for (int i = 0; i < 3; i++) {
                access.writeBlock(i, block);
                ReloadReport report = reloads.reload("virtio-pci", Reloads.Options.STANDARD);
                assertThat(report.outcome())
                        .as("%s", report)
                        .isEqualTo(ReloadReport.Outcome.COMMITTED);
                access.readBlock(i, read);
                assertThat(read.mismatch(block)).isEqualTo(-1);
            }
        } finally {
            over.set(true);
            looker.join();
        }
        assertThat(states)
                .contains(Disk.State.PRESENT, Disk.State.DRIVERLESS)
                .doesNotContain(Disk.State.ABSENT);
    }

    private Disk disk(String device) throws InterruptedException {
        Disk[] found = new Disk[1];
        Platform.await(
                "the disk of " + device,
                LIMIT,
                () -> {
                    try {
                        for (var reference : context.getServiceReferences(Disk.class, null)) {
                            Disk disk = context.getService(reference);
                            if (disk != null
                                    && disk.backing()
                                            .filter(b -> b.device().equals(device))
                                            .isPresent()) {
                                found[0] = disk;
                            }
                        }
                    } catch (org.osgi.framework.InvalidSyntaxException e) {
                        throw new AssertionError(e);
                    }
                    return found[0] != null;
                });
        return found[0];
    }

    @Test
    public void aDeviceThatIsPluggedAppearsAndGoes() throws Exception {
        MachineControl machine = Platform.service(context, MachineControl.class, "(helix.machine=qemu)");
        Set<String> before = ids();
        machine.plug("virtio-blk", Map.of("id", "hotblk", "size", "16M"));
        Platform.await("a block device", LIMIT, () -> ids().size() == before.size() + 1);
        machine.plug("virtio-net", Map.of("id", "hotnet"));
        Platform.await("a network card", LIMIT, () -> ids().size() == before.size() + 2);
        machine.unplug("hotblk");
        machine.unplug("hotnet");
        Platform.await("both gone", LIMIT, () -> ids().equals(before));
    }

    private Set<String> ids() {
        try {
            return Set.copyOf(
                    context.getServiceReferences(VirtioDevice.class, null).stream()
                            .map(r -> String.valueOf(r.getProperty("device.id")))
                            .toList());
        } catch (org.osgi.framework.InvalidSyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /// The request queue of an entropy source, VIRTIO 1.2 sections 2.7 and 5.4, one buffer at a
    /// time.
    private record Entropy(
            VirtioTransport transport, DmaBuffer memory, IrqVectors vectors, Semaphore used) {
        private static final int SIZE = 8;
        private static final long AVAILABLE = 0x100;
        private static final long USED = 0x200;
        private static final long DATA = 0x400;
        private static final int LENGTH = 64;
        private static final ValueLayout.OfShort WORD = ValueLayout.JAVA_SHORT;

        static Entropy bringUp(BundleContext context, VirtioDevice device, Lease lease)
                throws InterruptedException {
            VirtioTransport t = device.open(lease);
            t.status(DeviceStatus.ACKNOWLEDGE);
            t.status(DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER);
            assertThat(t.deviceFeatures() & VirtioFeature.VERSION_1).isNotZero();
            t.driverFeatures(VirtioFeature.VERSION_1);
            int negotiated =
                    DeviceStatus.ACKNOWLEDGE | DeviceStatus.DRIVER | DeviceStatus.FEATURES_OK;
            t.status(negotiated);
            assertThat(t.status()).isEqualTo(negotiated);
            DmaBuffer memory =
                    Platform.service(context, DmaService.class)
                            .allocate(lease, DmaRequest.pages(4096));
            IrqVectors vectors =
                    Platform.service(context, IrqService.class)
                            .allocate(lease, 1, 1, Set.of(IrqKind.MSIX));
            long address = memory.address();
            t.enableQueue(0, SIZE, address, address + AVAILABLE, address + USED, 0);
            t.status(negotiated | DeviceStatus.DRIVER_OK);
            return listening(t, memory, vectors);
        }

        static Entropy takeOver(
                BundleContext context, VirtioDevice device, Lease lease, long address)
                throws InterruptedException {
            return listening(
                    device.open(lease),
                    Platform.service(context, DmaService.class).adopt(lease, address),
                    Platform.service(context, IrqService.class).adopt(lease).orElseThrow());
        }

        private static Entropy listening(
                VirtioTransport transport, DmaBuffer memory, IrqVectors vectors) {
            Semaphore used = new Semaphore(0);
            vectors.handler(0, _ -> used.release());
            return new Entropy(transport, memory, vectors, used);
        }

        /// Has the device fill the buffer for the nth time, and says so by an interrupt.
        void fetch(int nth) throws InterruptedException {
            var m = memory.segment();
            m.asSlice(DATA, LENGTH).fill((byte) 0);
            m.set(ValueLayout.JAVA_LONG, 0, memory.address() + DATA);
            m.set(ValueLayout.JAVA_INT, 8, LENGTH);
            m.set(WORD, 12, (short) 2); // VIRTQ_DESC_F_WRITE
            m.set(WORD, AVAILABLE + 4 + 2L * ((nth - 1) % SIZE), (short) 0);
            VarHandle.releaseFence();
            m.set(WORD, AVAILABLE + 2, (short) nth);
            VarHandle.fullFence();
            transport.doorbell(0).write16(0, transport.doorbellValue(0));
            long end = System.nanoTime() + LIMIT.toNanos();
            while (m.get(WORD, USED + 2) != nth) {
                // One interrupt comes for nothing after a hand-over.
                assertThat(used.tryAcquire(end - System.nanoTime(), TimeUnit.NANOSECONDS))
                        .as("an interrupt")
                        .isTrue();
                VarHandle.acquireFence();
            }
            byte[] data = m.asSlice(DATA, LENGTH).toArray(ValueLayout.JAVA_BYTE);
            assertThat(data).as("64 zeroes are no entropy").isNotEqualTo(new byte[LENGTH]);
        }
    }
}
