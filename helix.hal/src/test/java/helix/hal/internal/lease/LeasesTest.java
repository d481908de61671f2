package helix.hal.internal.lease;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
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
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class LeasesTest {
    private static final int CC = 0x14;
    private static final int CSTS = 0x1C;
    private static final int COMMAND = 4;
    private static final int MASTER = 4;

    private final FakeMachine machine = new FakeMachine("fake");
    private final Services services = new Services();
    private final List<String> effects = new ArrayList<>();
    private FakeFunction nvme;
    private MachineContext context;
    private PciFunction device;
    private PciFunction plain;

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
                    nvme.registers(0).putInt(CSTS, ready ? 1 : 0);
                });
        machine.with(0x20, nvme)
                .with(0x28, new FakeFunction(0x1234, 1, 0xFF0000))
                .with(0x1E << 3, new FakeFunction(0x1AF4, 0x1110, 0x050000));
        context = new MachineContext(machine, 0);
        List<PciFunction> all = new PciEnumerator(context, machine).enumerate().all();
        device = all.get(0);
        plain = all.get(1);
    }

    @AfterEach
    void close() {
        machine.close();
    }

    private Lease start(String owner) {
        Lease lease = services.leases.grant(device, owner);
        services.pci.busMaster(lease, true);
        services.mmio.map(lease, 0).write32(CC, 1);
        return lease;
    }

    private Release release(Lease lease) {
        return services.leases.release(lease, Deadline.afterMillis(300));
    }

    @Test
    void aSecondClaimIsToldWhoHoldsTheDevice() {
        Lease first = services.leases.grant(device, "nvme@0000:00:04.0 gen 1");
        assertThat(first.epoch()).isEqualTo(1);
        assertThatThrownBy(() -> services.leases.grant(device, "other"))
                .isInstanceOf(DeviceBusyException.class)
                .hasMessage("0000:00:04.0 is held by nvme@0000:00:04.0 gen 1");
        assertThat(services.leases.holder(device)).containsSame(first);
        assertThat(services.leases.leases()).containsExactly(first);
        release(first);
        assertThat(services.leases.holder(device)).isEmpty();
        assertThat(services.leases.grant(device, "other").epoch()).isEqualTo(2);
    }

    @Test
    void aReservedOrAbsentDeviceIsRefused() {
        PciFunction reserved = new PciEnumerator(context, machine).enumerate().all().get(2);
        assertThatThrownBy(() -> services.leases.grant(reserved, "x"))
                .isInstanceOf(DeviceException.class)
                .hasMessage("0000:00:1e.0 is reserved by the platform for its own messages");
        device.markGone();
        assertThatThrownBy(() -> services.leases.grant(device, "x"))
                .isInstanceOf(DeviceGoneException.class)
                .hasMessage("0000:00:04.0 is gone");
    }

    /// The order is what keeps memory safe: what a step needs is looked at from inside the next.
    @Test
    void aLeaseEndsInItsOrder() {
        Lease lease = start("order");
        DmaBuffer ring = services.dma.allocate(lease, DmaRequest.pages(4096));
        MmioRegion registers = services.mmio.map(lease, 0);
        IrqVectors vectors = services.irqs.allocate(lease, 1, 2, Set.of(IrqKind.MSIX));
        Device behind = new Behind();
        Lease child =
                services.leases.grantChild(
                        lease,
                        behind,
                        "child",
                        _ -> {
                            effects.add("child reset, parent " + lease.state());
                            return true;
                        });
        DmaBuffer childRing = services.dma.allocate(child, DmaRequest.pages(4096));
        nvme.onConfig(
                COMMAND,
                before -> {
                    if ((before & MASTER) != 0 && (nvme.command() & MASTER) == 0) {
                        effects.add(
                                "master off, child %s, lease %s, dispatching %d, handle %s"
                                        .formatted(
                                                child.state(),
                                                lease.state(),
                                                services.irqs.active(),
                                                refusal(registers)));
                    }
                });
        nvme.onRegister(
                CC,
                value -> {
                    effects.add(
                            "reset %d, master %d, ring %d, in use %d"
                                    .formatted(
                                            value & 1,
                                            nvme.command() & MASTER,
                                            ring.segment().get(ValueLayout.JAVA_BYTE, 0),
                                            context.dma().bytesInUse()));
                    nvme.registers(0).putInt(CSTS, 0);
                });
        Release report = release(lease);
        assertThat(effects)
                .containsExactly(
                        "child reset, parent VALID",
                        "master off, child RELEASED, lease REVOKED, dispatching 0, handle"
                                + " LeaseRevokedException",
                        "reset 0, master 0, ring 0, in use 4096");
        assertThat(report.confirmed()).isTrue();
        assertThat(report.reset()).isEqualTo("CSTS.RDY = 0");
        assertThat(report.bytesReturned()).isEqualTo(4096);
        assertThat(report.bytesQuarantined()).isZero();
        assertThat(lease.state()).isEqualTo(Lease.State.RELEASED);
        assertThat(context.dma().bytesInUse()).isZero();
        assertThatThrownBy(() -> ring.segment().get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> childRing.segment().get(ValueLayout.JAVA_BYTE, 0))
                .isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> vectors.raise(0)).isInstanceOf(LeaseRevokedException.class);
        assertThat(services.leases.release(lease, Deadline.afterMillis(0))).isSameAs(report);
        assertThat(machine.available()).isEqualTo(16);
    }

    @Test
    void aLeaseThatEndsTakesNoMoreChildren() {
        Lease lease = start("parent");
        Device late = new Behind();
        services.leases.grantChild(
                lease,
                new Behind(),
                "child",
                _ -> {
                    services.leases.grantChild(lease, late, "late", _ -> true);
                    return true;
                });
        release(lease);
        assertThat(services.leases.holder(late)).isEmpty();
        assertThat(services.leases.leases()).isEmpty();
    }

    @Test
    void epochsOfAChildDeviceGoOn() {
        Lease lease = start("parent");
        Device child = new Behind();
        Lease first = services.leases.grantChild(lease, child, "first", _ -> true);
        assertThat(first.epoch()).isEqualTo(1);
        release(first);
        assertThat(services.leases.grantChild(lease, child, "second", _ -> true).epoch())
                .isEqualTo(2);
        assertThatThrownBy(() -> services.leases.grantChild(lease, child, "third", _ -> true))
                .isInstanceOf(DeviceBusyException.class);
    }

    /// A blocking read into the memory keeps its arena open, as any native call does.
    @Test
    void memoryThatNativeCodeUsesKeepsTheQuarantine() throws IOException, InterruptedException {
        Lease lease = start("reader");
        ByteBuffer into =
                services.dma.allocate(lease, DmaRequest.pages(4096)).segment().asByteBuffer();
        Pipe pipe = Pipe.open();
        try (Pipe.SourceChannel source = pipe.source();
                Pipe.SinkChannel sink = pipe.sink()) {
            var reading = new FutureTask<>(() -> source.read(into));
            Thread reader = Thread.ofPlatform().daemon().start(reading);
            Deadline started = Deadline.afterMillis(5000);
            while (reader.getStackTrace().length == 0
                    || !reader.getStackTrace()[0].isNativeMethod()) {
                assertThat(started.isExpired()).isFalse();
                Thread.onSpinWait();
            }
            assertThat(release(lease).confirmed()).isTrue();
            assertThat(lease.state()).isEqualTo(Lease.State.QUARANTINED);
            assertThatThrownBy(() -> services.leases.grant(device, "next"))
                    .isInstanceOf(DeviceException.class)
                    .hasMessage(
                            "0000:00:04.0 is quarantined, native code still uses memory of reader");
            assertThat(context.dma().bytesInUse()).isEqualTo(4096);
            sink.write(ByteBuffer.allocate(1));
            assertThat(reader.join(Duration.ofSeconds(5))).isTrue();
            assertThat(services.leases.grant(device, "next").epoch()).isEqualTo(2);
            assertThat(context.dma().bytesInUse()).isZero();
        }
    }

    private static String refusal(MmioRegion region) {
        try {
            region.read32(0);
            return "works";
        } catch (LeaseRevokedException e) {
            return e.getClass().getSimpleName();
        }
    }

    @Test
    void memoryOfAnUnconfirmedResetStaysAwayUntilTheDeviceObeys() {
        obeys = false;
        Lease lease = start("stuck");
        services.dma.allocate(lease, DmaRequest.pages(4096));
        DmaBuffer data = services.dma.allocateShared(lease, DmaRequest.pages(8192));
        Release report = release(lease);
        assertThat(report.confirmed()).isFalse();
        assertThat(report.reset()).isEqualTo("no CSTS.RDY = 0");
        assertThat(report.bytesQuarantined()).isEqualTo(4096);
        assertThat(lease.state()).isEqualTo(Lease.State.QUARANTINED);
        assertThat(services.leases.holder(device)).containsSame(lease);
        data.close();
        assertThat(context.dma().bytesInUse()).isEqualTo(12288);
        assertThatThrownBy(() -> services.leases.grant(device, "next"))
                .hasMessage(
                        "0000:00:04.0 is quarantined, its last reset is not confirmed: no CSTS.RDY"
                                + " = 0");
        obeys = true;
        assertThat(services.leases.grant(device, "next").epoch()).isEqualTo(2);
        assertThat(context.dma().bytesInUse()).isZero();
    }

    @Test
    void whatIsGoneNeedsNoReset() {
        Lease lease = start("gone");
        services.dma.allocate(lease, DmaRequest.pages(4096));
        device.markGone();
        Release report = release(lease);
        assertThat(report.confirmed()).isTrue();
        assertThat(report.reset()).isEqualTo("gone");
        assertThat(context.dma().bytesInUse()).isZero();
    }

    @Test
    void aFailedMachineDoesNoMoreDma() {
        Lease lease = start("dead");
        machine.state(Machine.State.FAILED);
        assertThat(release(lease).reset()).isEqualTo("gone");
    }

    @Test
    void aStalledMachineConfirmsNothing() {
        Lease lease = start("stalled");
        machine.state(Machine.State.STALLED);
        Release report = release(lease);
        assertThat(report.confirmed()).isFalse();
        assertThat(report.reset()).isEqualTo("fake does not answer");
        assertThat(lease.state()).isEqualTo(Lease.State.QUARANTINED);
    }

    @Test
    void aDeviceThatNeverMasteredTheBusHasNothingToConfirm() {
        Lease lease = services.leases.grant(plain, "plain");
        assertThat(release(lease).reset()).isEqualTo("never a bus master");
        Lease again = services.leases.grant(plain, "plain");
        services.pci.busMaster(again, true);
        assertThat(release(again).reset()).isEqualTo("no reset for this device");
        assertThat(again.state()).isEqualTo(Lease.State.QUARANTINED);
    }

    @Test
    void memoryGoesBackWhenItsHolderClosesItAndNotWhileItIsHeld() {
        Lease lease = start("memory");
        DmaBuffer ring = services.dma.allocate(lease, DmaRequest.pages(4096));
        ring.hold();
        ring.close();
        assertThat(context.dma().bytesInUse()).isEqualTo(4096);
        ring.drop();
        assertThat(context.dma().bytesInUse()).isZero();
        DmaBuffer data = services.dma.allocateShared(lease, DmaRequest.pages(4096));
        assertThat(services.dma.reaches(lease, data)).isTrue();
        release(lease);
        assertThat(data.segment().get(ValueLayout.JAVA_BYTE, 0)).isZero();
        data.close();
        assertThat(context.dma().bytesInUse()).isZero();
    }

    @Test
    void configSpaceOfTheHalIsRefused() {
        Lease lease = services.leases.grant(device, "config");
        assertThatThrownBy(() -> services.pci.writeConfig32(lease, 0x10, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "0000:00:04.0: config offset 0x10 belongs to a base address register, which"
                                + " is the HAL's");
        assertThatThrownBy(() -> services.pci.writeConfig16(lease, 4, 7))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> services.pci.writeConfig16(lease, 0x42, 0x8000))
                .hasMessageContaining("MSI-X");
        // SERR# enable is the driver's.
        services.pci.writeConfig16(lease, 4, nvme.command() | 0x100);
        services.pci.writeConfig8(lease, 0x3C, 0x42);
        assertThat(device.readConfig8(0x3C)).isEqualTo(0x42);
        assertThatThrownBy(() -> services.pci.writeConfig8(lease, 4096, 0))
                .isInstanceOf(IndexOutOfBoundsException.class);
        release(lease);
        assertThatThrownBy(() -> services.pci.writeConfig8(lease, 0x3C, 1))
                .isInstanceOf(LeaseRevokedException.class)
                .hasMessage("config offset 0x3c: the lease of config is RELEASED");
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
