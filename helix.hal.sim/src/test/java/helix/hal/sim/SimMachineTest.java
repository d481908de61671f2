package helix.hal.sim;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Deadline;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class SimMachineTest {
    private final SimMachine machine =
            SimMachine.builder().stepped().plug("adder", new AdderDevice()).build();

    @AfterEach
    void off() {
        machine.close();
    }

    private static void order(TestBus bus, long offset, int words) {
        for (int i = 0; i < words; i++) {
            bus.memory().set(JAVA_INT, offset + 4L * i, i + 1);
        }
        bus.memory().set(JAVA_INT, offset + 4L * words, -1);
        bus.write(0, 0, 8, bus.address(offset));
        bus.write(0, 8, 4, words);
    }

    private static int sum(TestBus bus, long offset, int words) {
        return bus.memory().get(JAVA_INT, offset + 4L * words);
    }

    @Test
    void deviceReadsAndWritesMemoryAndSendsAMessage() {
        TestBus bus = TestBus.bringUp(machine, "adder");
        bus.enableMessages(1);
        order(bus, 0x1000, 10);
        assertThat(bus.messages(0)).isZero();
        assertThat(machine.settle(10)).isEqualTo(1);
        assertThat(sum(bus, 0x1000, 10)).isEqualTo(55);
        assertThat(bus.messages(0)).isEqualTo(1);
        assertThat(machine.iommuFaults()).isEmpty();
        assertThat(machine.violations()).isEmpty();
    }

    @Test
    void maskedMessageIsPendingAndComesLater() {
        TestBus bus = TestBus.bringUp(machine, "adder");
        bus.enableMessages(1);
        bus.mask(0, true);
        order(bus, 0, 2);
        machine.settle(10);
        assertThat(bus.messages(0)).isZero();
        assertThat(bus.isPending(0)).isTrue();
        bus.mask(0, false);
        assertThat(bus.messages(0)).isEqualTo(1);
        assertThat(bus.isPending(0)).isFalse();
    }

    @Test
    void pinRaisesTheLineUntilItIsLowered() {
        TestBus bus = TestBus.bringUp(machine, "adder");
        order(bus, 0, 2);
        machine.settle(10);
        assertThat(bus.isLineRaised()).isTrue();
        bus.write(0, 8, 4, 0);
        assertThat(bus.isLineRaised()).isFalse();
    }

    @Test
    void accessOutsideTheDomainIsRefusedCountedAndTouchesNothing() {
        TestBus bus = TestBus.withoutMemory(machine, "adder");
        bus.map(0x1000, 64);
        order(bus, 0x1000, 16);
        machine.settle(10);
        assertThat(sum(bus, 0x1000, 16)).isEqualTo(-1);
        assertThat(machine.iommuFaultCount()).isEqualTo(1);
        assertThat(machine.iommuFaults())
                .containsExactly(
                        new SimMachine.DmaFault(
                                "adder",
                                bus.address(0x1000),
                                68,
                                true,
                                "not mapped for the function"));
        order(bus, 0x1000, 15);
        machine.settle(10);
        assertThat(sum(bus, 0x1000, 15)).isEqualTo(120);
        assertThat(machine.iommuFaultCount()).isEqualTo(1);
    }

    @Test
    void unmappedMemoryIsOutOfReach() {
        TestBus bus = TestBus.bringUp(machine, "adder");
        assertThat(machine.faults("adder").strayDma(bus.address(0x2000), 64)).isTrue();
        assertThat(bus.memory().get(JAVA_BYTE, 0x2000)).isEqualTo((byte) -1);
        bus.unmap(0x2040, 64);
        assertThat(machine.faults("adder").strayDma(bus.address(0x2000), 65)).isFalse();
        assertThat(machine.faults("adder").strayDma(bus.address(0x2080), 64)).isTrue();
        assertThat(bus.memory().get(JAVA_BYTE, 0x2040)).isZero();
    }

    @Test
    void functionLevelResetForgetsEverything() {
        TestBus bus = TestBus.bringUp(machine, "adder");
        order(bus, 0, 2);
        bus.functionLevelReset();
        assertThat(bus.config(PciConfig.COMMAND, 2)).isZero();
        assertThat(bus.config(PciConfig.BAR0, 4)).isZero();
        assertThat(machine.settle(10)).isZero();
        bus.assign();
        assertThat(bus.read(0, 0, 8)).isZero();
    }

    @Test
    void pulledOutDeviceReadsAllOnes() {
        TestBus bus = TestBus.bringUp(machine, "adder");
        machine.pull("adder");
        assertThat(bus.read(0, 0, 4)).isEqualTo(0xFFFF_FFFFL);
        assertThat(bus.config(0, 2)).isEqualTo(0xFFFF);
        assertThat(machine.devices()).isEmpty();
    }

    @Test
    void threadWorksAndSleepsAndIsWokenByARegister() {
        try (SimMachine threaded = SimMachine.builder().plug("adder", new AdderDevice()).build()) {
            TestBus bus = TestBus.bringUp(threaded, "adder");
            for (int i = 1; i <= 200; i++) {
                order(bus, 0, i % 50 + 1);
                int words = i % 50 + 1;
                await(() -> sum(bus, 0, words) == words * (words + 1) / 2);
            }
        }
    }

    private static void await(BooleanSupplier condition) {
        Deadline deadline = Deadline.after(Duration.ofSeconds(10));
        while (!condition.getAsBoolean()) {
            assertThat(deadline.isExpired()).as("in time").isFalse();
            Thread.onSpinWait();
        }
    }
}
