package helix.hal.sim;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Deadline;
import helix.hal.api.PciBar;
import helix.hal.sim.api.DeviceContext;
import helix.hal.sim.api.DeviceModel;
import helix.hal.sim.api.FunctionShape;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/// A function's thread that parks for an hour: a wake-up that is lost is a test that does not end
/// in time.
final class FunctionThreadTest {
    private static final long TIMED = 1_000_000;
    private static final long HOUR = TimeUnit.HOURS.toNanos(1);

    /// Counts the requests that it saw.
    private static final class Counter implements DeviceModel {
        private DeviceContext device;
        private final AtomicLong wanted = new AtomicLong();
        private final AtomicLong seen = new AtomicLong();
        private long due;

        @Override
        public FunctionShape shape() {
            return FunctionShape.builder(1, 2, 3).bar(0, PciBar.Kind.MEMORY32, 4096).build();
        }

        @Override
        public void powerOn(DeviceContext context) {
            device = context;
        }

        @Override
        public long read(int bar, long offset, int width) {
            return seen.get();
        }

        @Override
        public void write(int bar, long offset, int width, long value) {
            if (offset == 0) {
                wanted.set(value);
            } else {
                due = device.nanos() + value;
                device.wakeAt(due);
            }
        }

        @Override
        public int tick() {
            if (due != 0 && device.nanos() - due >= 0) {
                due = 0;
                wanted.set(TIMED);
            }
            long now = wanted.get();
            if (now == seen.get()) {
                return 0;
            }
            seen.set(now);
            return 1;
        }

        @Override
        public void reset(Reset kind) {
            due = 0;
        }
    }

    private final Counter counter = new Counter();

    private void await(long value) {
        Deadline deadline = Deadline.afterMillis(20_000);
        while (counter.seen.get() != value) {
            assertThat(deadline.isExpired()).as("request %d is seen", value).isFalse();
            LockSupport.parkNanos(1_000);
        }
    }

    @Test
    void noWakeUpIsLost() {
        try (SimMachine machine = SimMachine.builder().stepped().plug("counter", counter).build()) {
            TestBus bus = TestBus.bringUp(machine, "counter");
            try (FunctionThread thread =
                    new FunctionThread(machine.function("counter"), HOUR, HOUR)) {
                thread.start();
                for (int i = 1; i <= 500; i++) {
                    // So that it is found spinning, going to park, and parked.
                    LockSupport.parkNanos((i % 50) * 10_000L);
                    if (i % 2 == 0) {
                        bus.write(0, 0, 4, i);
                    } else {
                        counter.wanted.set(i);
                        counter.device.wake();
                    }
                    await(i);
                }
            }
        }
    }

    @Test
    void modelIsCalledAtItsTime() {
        try (SimMachine machine = SimMachine.builder().plug("counter", counter).build()) {
            TestBus bus = TestBus.bringUp(machine, "counter");
            long start = System.nanoTime();
            bus.write(0, 8, 4, TimeUnit.MILLISECONDS.toNanos(20));
            await(TIMED);
            assertThat(System.nanoTime() - start).isGreaterThan(TimeUnit.MILLISECONDS.toNanos(19));
        }
    }
}
