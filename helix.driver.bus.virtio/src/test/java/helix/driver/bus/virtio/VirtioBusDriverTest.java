package helix.driver.bus.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.Deadline;
import helix.hal.api.Lease;
import helix.hal.api.LeaseRevokedException;
import helix.modules.api.ModuleError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The life of the bus driver's module, and the reset that outlives a device's driver.
class VirtioBusDriverTest {
    private final FakeHal hal = new FakeHal(FakeFunction.good());
    private final VirtioBusDriver driver = new VirtioBusDriver(hal.function, hal, hal);

    private VirtioDevice start() {
        driver.init(hal);
        driver.start();
        return (VirtioDevice) hal.published.getFirst();
    }

    @Test
    void theDeviceIsPublishedAsAChild() {
        VirtioDevice device = start();
        assertThat(device.id()).isEqualTo("0000:00:05.0/virtio");
        assertThat(device.bus()).isEqualTo("virtio");
        assertThat(device.machine()).isEqualTo("fake");
        assertThat(device.parent()).isSameAs(hal.lease);
        assertThat(device.deviceId()).isEqualTo(2);
        assertThat(hal.properties.getFirst().get("virtio.device")).isEqualTo("2");
        assertThat(hal.properties.getFirst().get("virtio.on")).isEqualTo("0000:00:05.0");
        assertThat(hal.properties.getFirst().get("device.description"))
                .isEqualTo("virtio block device");
        hal.function.present = false;
        assertThat(device.isPresent()).isFalse();
    }

    @Test
    void theDeviceIsResetBeforeItMayReachMemory() {
        hal.registers.status = 15;
        hal.registers.slowness = 3;
        start();
        assertThat(hal.registers.log)
                .containsExactly("14=0", "14?", "14?", "14?", "busMaster true");
    }

    @Test
    void aLegacyDeviceIsRefusedClearly() {
        FakeHal legacy = new FakeHal(new FakeFunction().msix(2));
        legacy.function.device = 0x1001;
        assertThatThrownBy(() -> new VirtioBusDriver(legacy.function, legacy, legacy).init(legacy))
                .isInstanceOf(ModuleError.class)
                .hasMessage(
                        "0000:00:05.0 is a legacy virtio device; only devices of version 1.0 and"
                                + " later are driven");
        assertThat(legacy.registers.log).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "1041,0,1",
        "1042,0,2",
        "1052,0,18",
        "107f,0,63",
        "1000,1,1",
        "1001,2,2",
        "1002,5,5",
        "1003,3,3",
        "1004,8,8",
        "1005,4,4",
        "1009,9,9",
        "1010,12,18"
    })
    void transitionalDevicesAreUsedInModernMode(String pci, String subsystem, int id) {
        hal.function.device = Integer.parseInt(pci, 16);
        hal.function.subsystem = Integer.parseInt(subsystem, 16);
        assertThat(start().deviceId()).isEqualTo(id);
    }

    @Test
    void theReservedDeviceId0IsRefused() {
        hal.function.device = 0x1040;
        assertThatThrownBy(() -> driver.init(hal))
                .isInstanceOf(ModuleError.class)
                .hasMessageContaining("reserved virtio device id 0");
    }

    /// 4.1.4.3.2: the driver MUST wait for a read of device_status to return 0.
    @Test
    void aResetIsConfirmedByReadingItBack() {
        VirtioDevice device = start();
        hal.registers.status = 15;
        hal.registers.slowness = 3;
        assertThat(device.reset(Deadline.afterMillis(1000))).isTrue();
        assertThat(hal.registers.status).isZero();
        hal.registers.status = 15;
        hal.registers.slowness = Integer.MAX_VALUE;
        assertThat(device.reset(Deadline.afterMillis(20))).isFalse();
    }

    @Test
    void aDeviceThatIsGoneIsQuiet() {
        VirtioDevice device = start();
        hal.registers.status = 255;
        hal.registers.slowness = Integer.MAX_VALUE;
        hal.function.present = false;
        assertThat(device.reset(Deadline.afterMillis(1000))).isTrue();
        driver.stop();
    }

    /// The HAL then says "not confirmed" and quarantines, until the function's own reset.
    @Test
    void withoutTheBusDriversLeaseNothingIsConfirmed() {
        VirtioDevice device = start();
        hal.lease.state = Lease.State.REVOKED;
        assertThatThrownBy(() -> device.reset(Deadline.afterMillis(100)))
                .isInstanceOf(LeaseRevokedException.class);
    }

    @Test
    void stopLeavesTheDeviceReset() {
        start();
        hal.registers.status = 15;
        driver.stop();
        assertThat(hal.registers.status).isZero();
    }

    @Test
    void stopBeforeInitDoesNothing() {
        driver.stop();
        assertThat(hal.registers.log).isEmpty();
    }
}
