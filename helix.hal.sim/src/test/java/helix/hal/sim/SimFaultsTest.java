package helix.hal.sim;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What the machine lets go wrong with any device.
final class SimFaultsTest {
    private final SimMachine machine =
            SimMachine.builder().stepped().plug("adder", new AdderDevice()).build();
    private final TestBus bus = TestBus.bringUp(machine, "adder");
    private final MachineControl control = machine.control();

    @AfterEach
    void off() {
        machine.close();
    }

    private int fault(String name, Map<String, String> options) {
        Map<String, String> all = new HashMap<>(options);
        all.put("id", "adder");
        return control.fault(name, all).length();
    }

    private void order() {
        bus.memory().set(JAVA_INT, 0, 20);
        bus.memory().set(JAVA_INT, 4, 22);
        bus.write(0, 0, 8, bus.address(0));
        bus.write(0, 8, 4, 2);
    }

    @Test
    void droppedInterruptsAreLostAndTheNextOneComes() {
        bus.enableMessages(1);
        fault("drop-interrupts", Map.of("count", "2"));
        for (int i = 0; i < 3; i++) {
            order();
            machine.settle(10);
            assertThat(bus.messages(0)).isEqualTo(i == 2 ? 1 : 0);
            assertThat(bus.memory().get(JAVA_INT, 8)).isEqualTo(42);
        }
    }

    @Test
    void stormRaisesInterruptsWithoutWork() {
        bus.enableMessages(1);
        fault("interrupt-storm", Map.of("count", "50"));
        assertThat(machine.settle(100)).isEqualTo(50);
        assertThat(bus.messages(0)).isEqualTo(50);
        fault("interrupt-storm", Map.of("count", "1000"));
        machine.step();
        fault("none", Map.of());
        assertThat(machine.settle(10)).isZero();
    }

    @Test
    void deviceOffTheBusReadsAllOnesAndDoesNothing() {
        order();
        fault("all-ones", Map.of("ms", "10"));
        assertThat(machine.settle(10)).isZero();
        assertThat(bus.read(0, 8, 4)).isEqualTo(0xFFFF_FFFFL);
        assertThat(bus.config(0, 4)).isEqualTo(-1);
        bus.write(0, 8, 4, 7);
        machine.advance(Duration.ofMillis(11));
        assertThat(bus.config(0, 4)).isEqualTo(0x0ADD_1234);
        assertThat(bus.memory().get(JAVA_INT, 8)).as("went on").isEqualTo(42);
    }

    @Test
    void stuckResetChangesNothing() {
        bus.write(0, 0, 8, 42);
        fault("stuck-reset", Map.of());
        bus.functionLevelReset();
        assertThat(bus.config(PciConfig.COMMAND, 2)).isNotZero();
        assertThat(bus.read(0, 0, 8)).isEqualTo(42);
        machine.faults("adder").end();
        bus.functionLevelReset();
        assertThat(bus.config(PciConfig.COMMAND, 2)).isZero();
    }

    @Test
    void lateResetKeepsTheDeviceOffTheBus() {
        fault("late-reset", Map.of("ms", "5"));
        bus.functionLevelReset();
        assertThat(bus.config(0, 4)).isEqualTo(-1);
        machine.advance(Duration.ofMillis(4));
        assertThat(bus.config(0, 4)).isEqualTo(-1);
        machine.advance(Duration.ofMillis(1));
        assertThat(bus.config(PciConfig.COMMAND, 2)).isZero();
    }

    @Test
    void slowDeviceWorksNowAndThen() {
        fault("slow-device", Map.of("us", "100"));
        machine.step();
        order();
        assertThat(machine.advance(Duration.ofNanos(90_000))).isZero();
        assertThat(machine.advance(Duration.ofNanos(20_000))).isEqualTo(1);
    }

    @Test
    void strayDmaSaysWhatBecameOfIt() {
        bus.unmap(64, 64);
        long address = bus.address(64);
        String refused =
                control.fault("stray-dma", Map.of("id", "adder", "address", "0x" + hex(address)));
        assertThat(refused).startsWith("refused");
        String written =
                control.fault("stray-dma", Map.of("id", "adder", "address", "" + bus.address(0)));
        assertThat(written).startsWith("written");
        assertThat(machine.iommuFaultCount()).isEqualTo(1);
    }

    private static String hex(long value) {
        return Long.toHexString(value);
    }

    @Test
    void surpriseRemovalTakesTheDeviceAway() {
        fault("surprise-removal", Map.of());
        assertThat(bus.config(0, 4)).isEqualTo(-1);
        assertThatThrownBy(() -> fault("none", Map.of()))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("'adder' is not plugged");
    }

    @Test
    void slipsOfThePenAreRefused() {
        assertThatThrownBy(() -> fault("slow-device", Map.of("ms", "1")))
                .hasMessageContaining("'ms' is no option here; there is: [us]");
        assertThatThrownBy(() -> fault("melt", Map.of())).hasMessageContaining("no fault 'melt'");
        assertThatThrownBy(() -> fault("all-ones", Map.of("ms", "soon")))
                .hasMessageContaining("no number");
        assertThatThrownBy(() -> control.fault("all-ones", Map.of()))
                .hasMessageContaining("id= of a device is needed; there is: [adder]");
        assertThat(control.faults()).extracting(MachineControl.Choice::name).contains("all-ones");
    }
}
