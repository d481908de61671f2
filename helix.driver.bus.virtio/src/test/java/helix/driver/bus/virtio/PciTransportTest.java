package helix.driver.bus.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.bus.api.virtio.VirtioDevice;
import helix.driver.bus.virtio.FakeHal.FakeLease;
import helix.hal.api.DeviceException;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.hal.api.MmioRegion;
import helix.virtio.VirtioFeature;
import helix.virtio.VirtioTransport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// The registers, field by field: VIRTIO 1.2, sections 4.1.3 to 4.1.5. [FakeRegisters] fails each
/// test in which an access has not the width of its field.
class PciTransportTest {
    private final FakeHal hal = new FakeHal(FakeFunction.good());
    private final FakeRegisters registers = hal.registers;
    private VirtioDevice device;
    private FakeLease lease;
    private VirtioTransport transport;

    @BeforeEach
    void open() {
        device = new PciVirtioDevice(hal.function, 2, Structures.of(hal.function), hal, hal.lease);
        lease = new FakeLease(device, "vblk gen 1");
        transport = device.open(lease);
    }

    private void accept(long features) {
        transport.driverFeatures(features);
        registers.log.clear();
    }

    @Test
    void statusAndGenerationAre8Bits() {
        transport.status(3);
        assertThat(transport.status()).isEqualTo(3);
        registers.generation = 200;
        assertThat(transport.configGeneration()).isEqualTo(200);
        assertThat(registers.log).containsExactly("14=3", "14?", "15?");
    }

    @Test
    void featuresAreTwoSelectedHalves() {
        registers.offered = 0x8000_0001_9000_0000L;
        assertThat(transport.deviceFeatures()).isEqualTo(0x8000_0001_9000_0000L);
        transport.driverFeatures(0x0000_0001_8000_0010L);
        assertThat(registers.driverFeatures).containsExactly(0x8000_0010L, 1);
        assertThat(registers.log)
                .containsExactly("0=0", "4?", "0=1", "4?", "8=0", "c=80000010", "8=1", "c=1");
    }

    /// 4.1.4.3: queue_notify_data and queue_reset exist only where the structure is so long.
    @Test
    void aFeatureWithoutItsRegisterIsNotOffered() {
        registers.offered = VirtioFeature.NOTIF_CONFIG_DATA | VirtioFeature.RING_RESET;
        assertThat(opened(0x38).deviceFeatures()).isZero();
        assertThat(opened(0x3A).deviceFeatures()).isEqualTo(VirtioFeature.NOTIF_CONFIG_DATA);
        assertThat(opened(0x3C).deviceFeatures()).isEqualTo(registers.offered);
    }

    private VirtioTransport opened(int length) {
        FakeFunction f =
                new FakeFunction()
                        .notifyCap(FakeFunction.BAR, 0x3000, 0x1000, 4)
                        .cap(FakeFunction.ISR, FakeFunction.BAR, 0x1000, 1)
                        .cap(FakeFunction.COMMON, FakeFunction.BAR, 0, length);
        VirtioDevice one = new PciVirtioDevice(f, 2, Structures.of(f), hal, hal.lease);
        return one.open(new FakeLease(one, "vblk gen 1"));
    }

    @Test
    void a64BitFieldIsTwo32BitOnesAndEnableComesLast() {
        transport.enableQueue(1, 128, 0x1_2345_6000L, 0x2_0000_1000L, 0x3_0000_2000L, 2);
        assertThat(registers.log)
                .containsExactly(
                        "16=1",
                        "18?",
                        "18=80",
                        "18?",
                        "20=23456000",
                        "24=1",
                        "28=1000",
                        "2c=2",
                        "30=2000",
                        "34=3",
                        "1a=2",
                        "1a?",
                        "1c=1",
                        "1c?");
    }

    @Test
    void queuesAreCountedAndSized() {
        assertThat(transport.queueCount()).isEqualTo(3);
        assertThat(transport.queueSize(0)).isEqualTo(256);
        assertThat(transport.queueSize(2)).isZero();
        registers.queues[0].putShort(0x18, (short) 0xFFFF);
        assertThatThrownBy(() -> transport.queueSize(0))
                .isInstanceOf(DeviceException.class)
                .hasMessage(
                        "0000:00:05.0/virtio: queue 0 has 65535 entries; the most that there can"
                                + " be are 32768");
    }

    @Test
    void aQueueThatIsUnavailableIsNotEnabled() {
        assertThatThrownBy(() -> transport.enableQueue(2, 4, 0, 0, 0, 0xFFFF))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("queue 2 is not available");
        assertThat(registers.log).containsExactly("16=2", "18?");
    }

    @Test
    void theDriverMustNotWriteASizeThatIsNoPowerOf2UnlessPacked() {
        assertThatThrownBy(() -> transport.enableQueue(0, 100, 0, 0, 0, 0xFFFF))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("split queue 0 is a power of 2, not 100");
        accept(VirtioFeature.VERSION_1 | VirtioFeature.RING_PACKED);
        transport.enableQueue(0, 100, 0, 0, 0, 0xFFFF);
        assertThat(registers.queues[0].getShort(0x18)).isEqualTo((short) 100);
    }

    /// The driver's size comes from an earlier look at the same register.
    @Test
    void aQueueThatHasBecomeSmallerIsTheDevicesFault() {
        assertThatThrownBy(() -> transport.enableQueue(0, 512, 0, 0, 0, 0xFFFF))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("queue 0 has 1 to 256 entries, not 512");
        assertThat(registers.log).noneMatch(l -> l.startsWith("18="));
    }

    @Test
    void theDriverMustNotWriteTheSize0() {
        accept(VirtioFeature.VERSION_1 | VirtioFeature.RING_PACKED);
        for (int size : new int[] {0, -1}) {
            assertThatThrownBy(() -> transport.enableQueue(0, size, 0, 0, 0, 0xFFFF))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(registers.log).noneMatch(l -> l.startsWith("18="));
    }

    @Test
    void aQueueThatTheDeviceDoesNotEnableIsNamed() {
        registers.stubborn = true;
        assertThatThrownBy(() -> transport.enableQueue(0, 4, 0, 0, 0, 0xFFFF))
                .isInstanceOf(DeviceException.class)
                .hasMessage(
                        "0000:00:05.0/virtio: queue 0: queue_enable reads 0 after 1 was written");
    }

    /// 4.1.5.1.2.
    @Test
    void theDriverMustVerifyAVectorByReadingItBack() {
        transport.configVector(1);
        transport.queueVector(0, 2);
        assertThat(registers.log).containsExactly("10=1", "10?", "16=0", "1a=2", "1a?");
        registers.refuses = true;
        assertThatThrownBy(() -> transport.queueVector(1, 0))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("the device refuses vector 0 for queue 1; it reads 0xffff");
        assertThatThrownBy(() -> transport.configVector(0))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("refuses vector 0 for the configuration");
        assertThatThrownBy(() -> transport.enableQueue(1, 4, 0, 0, 0, 0))
                .isInstanceOf(DeviceException.class);
        assertThat(registers.queues[1].getShort(0x1C)).as("not enabled").isZero();
        transport.queueVector(1, VirtioTransport.NO_VECTOR);
    }

    @Test
    void theDriverMustNotMapAVectorOutsideTheTable() {
        assertThatThrownBy(() -> transport.configVector(3))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("the MSI-X table has 3 entries");
        assertThatThrownBy(() -> transport.queueVector(0, -1)).isInstanceOf(DeviceException.class);
        assertThat(registers.log).noneMatch(l -> l.contains("1a=") || l.contains("10="));
    }

    @Test
    void queueResetIsCompleteOnlyWhenItReads0() {
        assertThatThrownBy(() -> transport.resetQueue(0)).isInstanceOf(IllegalStateException.class);
        accept(VirtioFeature.VERSION_1 | VirtioFeature.RING_RESET);
        transport.enableQueue(0, 4, 0, 0, 0, 0xFFFF);
        assertThat(transport.isQueueEnabled(0)).isTrue();
        transport.resetQueue(0);
        assertThat(transport.isQueueEnabled(0)).as("queue_reset reads 1").isTrue();
        assertThat(transport.isQueueEnabled(0)).isTrue();
        assertThat(transport.isQueueEnabled(0)).isFalse();
    }

    @Test
    void aDoorbellIsWhereOffsetAndMultiplierSay() {
        transport.doorbell(1).write16(0, transport.doorbellValue(1));
        assertThat(registers.log).contains("3004=1");
        assertThat(transport.doorbell(1).size()).isEqualTo(2);
    }

    @Test
    void aDoorbellOutsideTheStructureIsRefused() {
        registers.queues[0].putShort(0x1E, (short) 0x400);
        assertThatThrownBy(() -> transport.doorbell(0))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("NOTIFY_CFG has 4096 bytes; queue 0 is notified at 0x1000");
        registers.queues[0].putShort(0x1E, (short) 0x3FF);
        assertThat(transport.doorbell(0).size()).isEqualTo(2);
    }

    @Test
    void theDeviceMayWantSomethingElseThanTheQueuesNumber() {
        assertThat(transport.doorbellValue(1)).isEqualTo(1);
        accept(VirtioFeature.VERSION_1 | VirtioFeature.NOTIF_CONFIG_DATA);
        assertThat(transport.doorbellValue(1)).isEqualTo(0x101);
        // A generation that takes over finds the same.
        assertThat(device.open(lease).doorbellValue(1)).isEqualTo(0x101);
    }

    @Test
    void readingTheInterruptStatusClearsIt() {
        assertThat(transport.interruptStatus()).isEqualTo(3);
        assertThat(transport.interruptStatus()).isZero();
    }

    @Test
    void theConfigurationIsAsLargeAsTheDeviceSays() {
        assertThat(transport.config().size()).isEqualTo(0x1000);
        assertThat(transport.config().read8(0x24)).isEqualTo(0x24);
        assertThat(opened(0x3C).config().size()).isZero();
    }

    @Test
    void everythingThrowsOnceTheChildLeaseIsOver() {
        MmioRegion doorbell = transport.doorbell(0);
        lease.state = Lease.State.PASSED;
        registers.log.clear();
        assertThatThrownBy(() -> doorbell.write16(0, 0)).isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> transport.status(0)).isInstanceOf(LeaseRevokedException.class);
        assertThatThrownBy(() -> transport.config().read8(0))
                .isInstanceOf(LeaseRevokedException.class);
        assertThat(registers.log).isEmpty();
    }

    @Test
    void onlyALeaseOfTheDeviceOpensIt() {
        assertThatThrownBy(() -> device.open(hal.lease))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("virtio-pci gen 1 is no lease of 0000:00:05.0/virtio");
    }
}
