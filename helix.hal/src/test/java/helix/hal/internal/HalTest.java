package helix.hal.internal;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.Lease;
import helix.hal.api.PciDevice;
import helix.hal.api.PlatformDevice;
import helix.hal.api.machine.Machine;
import helix.hal.internal.fake.FakeFramework;
import helix.hal.internal.fake.FakeFramework.Service;
import helix.hal.internal.fake.FakeFunction;
import helix.hal.internal.fake.FakeMachine;
import helix.hal.internal.fake.Services;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class HalTest {
    private static final int SECONDS = 5;

    private final FakeFramework framework = new FakeFramework();
    private final Services services = new Services();
    private final List<String> withdrawn = new ArrayList<>();
    private final FakeMachine machine = new FakeMachine("fake");
    private final FakeFunction slot = FakeFunction.slot();
    private final Hal hal =
            new Hal(
                    framework.context(),
                    services.leases,
                    services.irqs,
                    services.pci,
                    services.mmio,
                    services.dma,
                    services.ports);

    HalTest() {
        framework.onUnregistering(o -> withdrawn.add(((Device) o).id()));
    }

    @AfterEach
    void close() {
        hal.deactivate();
        assertThat(framework.services()).isEmpty();
        assertThat(machine.listeners()).isZero();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(n -> n.startsWith("hal "));
        machine.close();
    }

    private static FakeFunction nvme() {
        return new FakeFunction(0x1B36, 0x0010, 0x010802).bar(0, 0x4000, 4);
    }

    private List<String> ids() {
        return framework.objects(Device.class).stream().map(Device::id).toList();
    }

    private void await(BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        while (true) {
            synchronized (machine) {
                if (condition.getAsBoolean()) {
                    return;
                }
            }
            assertThat(System.nanoTime() - end).isNegative();
            Thread.onSpinWait();
        }
    }

    private PciDevice behindSlot() throws InterruptedException {
        return framework.await(PciDevice.class, f -> f.parent().isPresent(), SECONDS);
    }

    @Test
    void devicesArePublishedInOrderWithTheirIdentity() {
        machine.with(0x20, nvme())
                .with(0x18, slot)
                .with(0x28, nvme())
                .with(
                        new Machine.PlatformResource(
                                "com1",
                                "PNP0501",
                                List.of(new PlatformDevice.PortRange(0x3F8, 8)),
                                List.of(4)));
        hal.addMachine(machine);
        assertThat(ids())
                .containsExactly("fake.com1", "0000:00:03.0", "0000:00:04.0", "0000:00:05.0");
        Service drive = framework.services().get(2);
        assertThat(drive.types())
                .containsExactly(Device.class.getName(), PciDevice.class.getName());
        assertThat(drive.properties())
                .containsAllEntriesOf(
                        Map.of(
                                "device.id", "0000:00:04.0",
                                "device.bus", "pci",
                                "helix.machine", "fake",
                                "device.numa", -1,
                                "pci.vendor", "1b36",
                                "pci.device", "0010",
                                "pci.class", "010802",
                                "pci.revision", "00",
                                "pci.subsystem", "0000",
                                "pci.address", "0000:00:04.0"))
                .doesNotContainKey(Device.RESERVED);
        assertThat(framework.services().get(1).properties()).containsKey(Device.RESERVED);
        assertThat(framework.services().get(0).properties())
                .containsEntry("platform.pnp", "PNP0501");
        hal.removeMachine(machine);
        assertThat(withdrawn)
                .containsExactly("0000:00:05.0", "0000:00:04.0", "0000:00:03.0", "fake.com1");
    }

    @Test
    void eachMachineHasASegmentThatItKeeps() {
        FakeMachine second = new FakeMachine("second").with(0x20, nvme());
        machine.with(0x20, nvme());
        hal.addMachine(machine);
        hal.addMachine(second);
        assertThat(ids()).containsExactly("0000:00:04.0", "0001:00:04.0");
        hal.removeMachine(machine);
        hal.removeMachine(second);
        hal.addMachine(second);
        hal.addMachine(machine);
        assertThat(ids()).containsExactly("0001:00:04.0", "0000:00:04.0");
        hal.removeMachine(second);
        second.close();
    }

    @Test
    void aDriveIsPluggedPressedOutAndPluggedAgain() throws InterruptedException {
        machine.with(0x18, slot);
        hal.addMachine(machine);
        for (int round = 0; round < 3; round++) {
            machine.change(() -> slot.plug(nvme()));
            PciDevice drive = behindSlot();
            assertThat(drive.id()).isEqualTo("0000:01:00.0");
            assertThat(drive.bars().getFirst().address()).isEqualTo(FakeMachine.MEMORY_BASE);
            machine.change(slot::press);
            framework.awaitGone(drive, SECONDS);
            // The device service goes first, then the slot's power, and with that the card.
            await(() -> !slot.isPopulated());
            assertThat(withdrawn).hasSize(round + 1);
        }
    }

    @Test
    void whatIsTornOutIsGoneBeforeItIsWithdrawn() throws InterruptedException {
        machine.with(0x18, slot.behind(0, nvme()));
        List<Boolean> presence = new ArrayList<>();
        framework.onUnregistering(o -> presence.add(((Device) o).isPresent()));
        hal.addMachine(machine);
        PciDevice drive = behindSlot();
        Lease lease = services.leases.grant(drive, "test");
        machine.change(slot::tear);
        framework.awaitGone(drive, SECONDS);
        assertThat(presence).containsExactly(false);
        hal.removeMachine(machine);
        assertThat(lease.state()).isEqualTo(Lease.State.RELEASED);
        assertThat(services.leases.release(lease, Deadline.afterMillis(0)).reset())
                .isEqualTo("gone");
    }

    @Test
    void aLeaseIsEndedWhileItsDeviceIsWithdrawnOrRightAfter() {
        machine.with(0x20, nvme()).with(0x28, nvme());
        hal.addMachine(machine);
        List<PciDevice> drives = framework.objects(PciDevice.class);
        Lease forgotten = services.leases.grant(drives.get(0), "forgotten");
        Lease bound = services.leases.grant(drives.get(1), "bound");
        List<String> resets = new ArrayList<>();
        framework.onUnregistering(o -> {
            if (o == drives.get(1)) {
                resets.add(services.leases.release(bound, Deadline.afterMillis(1000)).reset());
            }
        });
        hal.removeMachine(machine);
        assertThat(resets).containsExactly("CSTS.RDY = 0");
        assertThat(forgotten.state()).isEqualTo(Lease.State.RELEASED);
        assertThat(services.leases.leases()).isEmpty();
        assertThat(drives).noneMatch(PciDevice::isPresent);
    }

    @Test
    void aFailedMachineLosesItsDevicesAndAStalledOneKeepsThem() throws InterruptedException {
        machine.with(0x20, nvme());
        hal.addMachine(machine);
        PciDevice drive = framework.objects(PciDevice.class).getFirst();
        machine.state(Machine.State.STALLED);
        machine.state(Machine.State.READY);
        assertThat(drive.isPresent()).isTrue();
        machine.state(Machine.State.FAILED);
        assertThat(drive.isPresent()).isFalse();
        framework.awaitGone(drive, SECONDS);
    }

    @Test
    void whileNothingAnswersNothingIsBelieved() throws InterruptedException {
        machine.with(0x18, slot.behind(0, nvme())).with(0x20, nvme());
        hal.addMachine(machine);
        List<PciDevice> before = framework.objects(PciDevice.class);
        machine.dark(true);
        machine.dark(false);
        // A function that the enumeration missed is found when the machine says so.
        machine.change(() -> machine.with(0x28, nvme()));
        framework.await(PciDevice.class, f -> f.id().equals("0000:00:05.0"), SECONDS);
        behindSlot();
        assertThat(ids())
                .containsExactly("0000:00:03.0", "0000:00:04.0", "0000:00:05.0", "0000:01:00.0");
        assertThat(before).noneMatch(PciDevice::isPresent);
    }

    /// The hardest moment: the machine forgets everything while it is being enumerated.
    @Test
    void aResetDuringEnumerationLeavesNothingHalfDone() throws InterruptedException {
        FakeFunction last = nvme();
        machine.with(0x18, slot.behind(0, nvme())).with(0x20, nvme()).with(0x28, last);
        int[] left = {3};
        last.onConfig(
                0x10,
                _ -> {
                    if (left[0]-- > 0) {
                        // The bridge forgets its bus number, the port its windows.
                        slot.config(0x18, 0);
                        slot.config.putShort(0x04, (short) 0);
                    }
                });
        hal.addMachine(machine);
        PciDevice behind = behindSlot();
        assertThat(ids())
                .containsExactly("0000:00:03.0", "0000:00:04.0", "0000:00:05.0", "0000:01:00.0");
        assertThat(withdrawn).isEmpty();
        assertThat(behind.bars().getFirst().address()).isPositive();
    }

    @Test
    void aMachineThatStallsAtItsStartIsEnumeratedLater() throws InterruptedException {
        machine.with(0x20, nvme());
        machine.state(Machine.State.STALLED);
        hal.addMachine(machine);
        assertThat(ids()).isEmpty();
        machine.state(Machine.State.READY);
        framework.await(PciDevice.class, _ -> true, SECONDS);
    }

    @Test
    void functionsOfARootBusComeAndGoWhileOthersStay() {
        FakeFunction stays = nvme();
        machine.hotPluggable().with(0x18, stays).with(0x20, nvme());
        hal.addMachine(machine);
        PciDevice kept = framework.objects(PciDevice.class).getFirst();
        long first = framework.objects(PciDevice.class).get(1).bars().getFirst().address();
        machine.change(() -> {
            machine.without(0x20);
            machine.with(0x28, nvme());
        });
        await(() -> ids().equals(List.of("0000:00:03.0", "0000:00:05.0")));
        assertThat(withdrawn).containsExactly("0000:00:04.0");
        assertThat(framework.objects(PciDevice.class).getFirst()).isSameAs(kept);
        assertThat(kept.isPresent()).isTrue();
        // What left has given its addresses back.
        PciDevice came = framework.objects(PciDevice.class).get(1);
        long given = came.bars().getFirst().address();
        assertThat(given).isNotZero().isNotEqualTo(kept.bars().getFirst().address());
        assertThat(given).isEqualTo(first);
    }

    @Test
    void anotherFunctionInThePlaceOfOneThatLeftIsNew() {
        machine.hotPluggable().with(0x18, nvme()).with(0x20, nvme());
        hal.addMachine(machine);
        PciDevice before = framework.objects(PciDevice.class).get(1);
        machine.change(() -> machine.with(0x20, nvme()));
        await(() -> withdrawn.size() == 1 && ids().size() == 2);
        assertThat(before.isPresent()).isFalse();
        assertThat(framework.objects(PciDevice.class).get(1)).isNotSameAs(before);
    }
}
