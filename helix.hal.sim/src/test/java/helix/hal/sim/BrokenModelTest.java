package helix.hal.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.PciBar;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Models that do not return, and such that throw what nobody expects.
@Timeout(60)
final class BrokenModelTest {
    private static final class Broken implements DeviceModel {
        private final CountDownLatch entered = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);
        private final CountDownLatch closed = new CountDownLatch(1);
        private volatile boolean hangs;
        private volatile boolean breaks;
        private volatile boolean breaksAtPower;

        @Override
        public FunctionShape shape() {
            return FunctionShape.builder(1, 2, 3).bar(0, PciBar.Kind.MEMORY32, 4096).build();
        }

        @Override
        public void powerOn(DeviceContext context) {
            if (breaksAtPower) {
                throw new InternalError("no power");
            }
        }

        @Override
        public long read(int bar, long offset, int width) {
            return 42;
        }

        @Override
        public void write(int bar, long offset, int width, long value) {
            breaks = value == 1;
            hangs = value == 2;
        }

        @Override
        public int tick() {
            if (breaks) {
                throw new InternalError("a page of a mapped file has no room");
            }
            if (hangs) {
                hangs = false;
                entered.countDown();
                boolean interrupted = false;
                while (released.getCount() != 0) {
                    try {
                        released.await();
                    } catch (InterruptedException e) {
                        interrupted = true;
                    }
                }
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
            return 0;
        }

        @Override
        public void reset(Reset kind) {
            if (breaks) {
                throw new InternalError("still no room");
            }
        }

        @Override
        public void close() {
            closed.countDown();
        }
    }

    private final Broken model = new Broken();

    @Test
    void modelThatDoesNotReturnHoldsUpNobodyForLong() throws InterruptedException {
        SimMachine machine = SimMachine.builder().plug("broken", model).build();
        try {
            TestBus bus = TestBus.bringUp(machine, "broken");
            bus.write(0, 0, 4, 2);
            assertThat(model.entered.await(10, TimeUnit.SECONDS)).isTrue();
            assertThatThrownBy(() -> bus.read(0, 0, 4))
                    .isInstanceOf(DeviceTimeoutException.class)
                    .hasMessageContaining("broken");
            assertThatThrownBy(() -> bus.unmap(0, 4096)).isInstanceOf(DeviceTimeoutException.class);
            long start = System.nanoTime();
            machine.pull("broken");
            assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(20));
            assertThat(machine.failures()).anyMatch(f -> f.contains("abandoned"));
            assertThat(model.closed.getCount()).isEqualTo(1);
        } finally {
            model.released.countDown();
            machine.close();
        }
        assertThat(model.closed.await(10, TimeUnit.SECONDS)).as("closed in the end").isTrue();
    }

    @Test
    void modelThatReturnsLateAnswersAgain() throws InterruptedException {
        try (SimMachine machine = SimMachine.builder().plug("broken", model).build()) {
            TestBus bus = TestBus.bringUp(machine, "broken");
            bus.write(0, 0, 4, 2);
            assertThat(model.entered.await(10, TimeUnit.SECONDS)).isTrue();
            assertThatThrownBy(() -> bus.read(0, 0, 4)).isInstanceOf(DeviceTimeoutException.class);
            model.released.countDown();
            assertThat(readWhenItReturns(bus)).isEqualTo(42);
        } finally {
            model.released.countDown();
        }
    }

    /// It is refused at once as long as the model has not come back.
    private static long readWhenItReturns(TestBus bus) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (true) {
            try {
                return bus.read(0, 0, 4);
            } catch (DeviceTimeoutException e) {
                if (System.nanoTime() - end > 0) {
                    throw e;
                }
                Thread.onSpinWait();
            }
        }
    }

    @Test
    void errorEndsTheFunctionAndNotTheMachine() {
        Broken other = new Broken();
        SimMachine machine =
                SimMachine.builder().stepped().plug("other", other).plug("broken", model).build();
        try (machine) {
            TestBus bus = TestBus.bringUp(machine, "broken");
            bus.write(0, 0, 4, 1);
            assertThat(machine.step()).isZero();
            assertThat(machine.failures()).anyMatch(f -> f.contains("no room"));
            assertThat(bus.read(0, 0, 4)).isEqualTo(0xFFFF_FFFFL);
        }
        assertThat(other.closed.getCount()).isZero();
    }

    @Test
    void errorWhileTheMachineIsSwitchedOffKeepsNobodyFromEnding() {
        Broken other = new Broken();
        try (SimMachine machine =
                SimMachine.builder().stepped().plug("other", other).plug("broken", model).build()) {
            model.breaks = true;
            assertThat(machine.devices()).containsExactly("other", "broken");
        }
        assertThat(other.closed.getCount()).isZero();
        assertThat(model.closed.getCount()).isZero();
    }

    @Test
    void modelThatFailsAtPowerIsNotPluggedIn() {
        try (SimMachine machine = SimMachine.builder().stepped().build()) {
            model.breaksAtPower = true;
            assertThatThrownBy(() -> machine.plug("broken", model))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("broken");
            assertThat(machine.devices()).isEmpty();
            machine.plug("broken", new Broken());
            assertThat(machine.devices()).containsExactly("broken");
        }
    }

    @Test
    void nothingIsPluggedIntoAMachineThatIsOff() {
        SimMachine machine = SimMachine.builder().build();
        machine.close();
        assertThatThrownBy(() -> machine.plug("late", model))
                .isInstanceOf(DeviceGoneException.class);
    }
}
