package helix.hal.sim;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.machine.PciHost;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A root port and its slot, by registers. Offsets as PCI-to-PCI Bridge 1.2, section 3.2, and PCI
/// Express Base 6.0, section 7.5.3, have them.
final class RootPortTest {
    private static final int PORT = 24 << 3;
    private static final int EXPRESS = 0x40;
    private static final int SLOT_CONTROL = EXPRESS + 0x18;
    private static final int SLOT_STATUS = EXPRESS + 0x1A;
    private static final int LINK_STATUS = EXPRESS + 0x12;
    private static final int BUTTON = 1;
    private static final int PRESENCE_CHANGED = 1 << 3;
    private static final int COMMAND_COMPLETED = 1 << 4;
    private static final int PRESENT = 1 << 6;
    private static final int LINK_CHANGED = 1 << 8;
    private static final long BAR = 0xC010_0000L;

    private final SimMachine machine =
            SimMachine.builder()
                    .stepped()
                    .withoutIommu()
                    .plugIntoSlot("adder", new AdderDevice())
                    .build();
    private final PciHost host = machine.pci().orElseThrow();

    @AfterEach
    void off() {
        machine.close();
    }

    private int port(int offset, int width) {
        return host.readConfig(0, PORT, offset, width);
    }

    private void port(int offset, int width, int value) {
        host.writeConfig(0, PORT, offset, width, value);
    }

    private int slotStatus() {
        return port(SLOT_STATUS, 2);
    }

    /// Numbers the bus behind the port and opens a window of 1 MiB.
    private void open() {
        port(0x18, 4, 0x0001_0100);
        port(0x20, 4, 0xC010_C010);
        port(0x04, 2, 6);
    }

    private void assign() {
        host.writeConfig(1, 0, 0x10, 4, (int) BAR);
        host.writeConfig(1, 0, 0x04, 2, 6);
    }

    @Test
    void headerAndSlotAreARootPorts() {
        assertThat(port(0x08, 4) >>> 8).isEqualTo(0x060400);
        assertThat(port(0x0E, 1)).isEqualTo(1);
        assertThat(port(EXPRESS, 1)).isEqualTo(0x10);
        assertThat(port(EXPRESS + 2, 2)).as("slot, root port, version 2").isEqualTo(0x0142);
        int capabilities = port(EXPRESS + 0x14, 4);
        assertThat(capabilities & 0x7F).as("button to hot-plug, no latch").isEqualTo(0x7B);
        assertThat(capabilities >>> 19).as("slot number").isEqualTo(1);
        assertThat(capabilities & 1 << 18).as("commands complete").isZero();
        assertThat(slotStatus()).isEqualTo(PRESENT);
        assertThat(host.readConfig(0, PORT + 8, SLOT_STATUS, 2)).isZero();
        // 64-bit prefetchable window, 16-bit I/O.
        port(0x24, 4, -1);
        assertThat(port(0x24, 4)).isEqualTo(0xFFF1_FFF1);
        port(0x1C, 2, 0x00F0);
        assertThat(port(0x1C, 2)).isEqualTo(0x00F0);
    }

    @Test
    void functionIsReachedByBusNumberAndWindow() {
        assertThat(host.readConfig(1, 0, 0, 4)).isEqualTo(-1);
        open();
        assertThat(host.readConfig(1, 0, 0, 4)).isEqualTo(0x0ADD_1234);
        assertThat(host.readConfig(1, 8, 0, 4)).as("point to point").isEqualTo(-1);
        assign();
        host.memory().write64(BAR, 42);
        assertThat(host.memory().read64(BAR)).isEqualTo(42);
        port(0x20, 4, 0xC020_C020);
        assertThat(host.memory().read64(BAR)).as("outside the window").isEqualTo(-1);
        port(0x20, 4, 0xC010_C010);
        port(0x04, 2, 4);
        assertThat(host.memory().read64(BAR)).as("not forwarding").isEqualTo(-1);
    }

    @Test
    void portThatIsNoMasterKeepsItsFunctionFromMemory() {
        open();
        assign();
        assertThat(machine.faults("adder").strayDma(SimMachine.DMA_BASE, 4)).isTrue();
        port(0x04, 2, 2);
        assertThat(machine.faults("adder").strayDma(SimMachine.DMA_BASE, 4)).isFalse();
        port(0x04, 2, 6);
        assertThat(machine.faults("adder").strayDma(SimMachine.DMA_BASE, 4)).isTrue();
    }

    @Test
    void secondaryBusResetMakesTheFunctionForget() {
        open();
        assign();
        host.memory().write64(BAR, 42);
        port(0x3E, 2, 1 << 6);
        assertThat(host.readConfig(1, 0, 0, 4)).as("in reset").isEqualTo(-1);
        port(0x3E, 2, 0);
        assertThat(host.readConfig(1, 0, 0x10, 4)).isZero();
        assign();
        assertThat(host.memory().read64(BAR)).isZero();
    }

    @Test
    void slotWithoutPowerIsSilentAndItsFunctionForgets() {
        open();
        assign();
        host.memory().write64(BAR, 42);
        port(SLOT_STATUS, 2, 0x11F);
        port(SLOT_CONTROL, 2, 1 << 10);
        assertThat(slotStatus()).isEqualTo(PRESENT | COMMAND_COMPLETED | LINK_CHANGED);
        assertThat(port(LINK_STATUS, 2) & 1 << 13).isZero();
        assertThat(host.readConfig(1, 0, 0, 4)).isEqualTo(-1);
        assertThat(host.memory().read64(BAR)).isEqualTo(-1);
        port(SLOT_CONTROL, 2, 0);
        assertThat(port(LINK_STATUS, 2) & 1 << 13).isNotZero();
        assertThat(host.readConfig(1, 0, 0x10, 4)).isZero();
        assign();
        assertThat(host.memory().read64(BAR)).isZero();
    }

    @Test
    void comingAndGoingIsSeenUntilItIsAcknowledged() {
        machine.pull("adder");
        assertThat(slotStatus()).isEqualTo(PRESENCE_CHANGED | LINK_CHANGED);
        port(SLOT_STATUS, 2, PRESENCE_CHANGED);
        assertThat(slotStatus()).isEqualTo(LINK_CHANGED);
        port(SLOT_STATUS, 2, LINK_CHANGED);
        machine.plug("again", new AdderDevice());
        assertThat(slotStatus()).isEqualTo(PRESENT | PRESENCE_CHANGED | LINK_CHANGED);
    }

    @Test
    void unplugPressesTheButtonAndWaitsForThePowerToGo() throws InterruptedException {
        Thread person = Thread.ofPlatform().start(() -> machine.control().unplug("adder"));
        while ((slotStatus() & BUTTON) == 0) {
            Thread.onSpinWait();
        }
        assertThat(machine.devices()).containsExactly("adder");
        port(SLOT_CONTROL, 2, 1 << 10);
        person.join(10_000);
        assertThat(machine.devices()).isEmpty();
        assertThat(slotStatus() & PRESENT).isZero();
    }
}
