package helix.driver.kit.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.kit.virtio.QueueRig.Format;
import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.DmaRequest;
import helix.hal.api.MmioRegion;
import helix.virtio.Virtqueue;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Driver and device on threads of their own, each asleep until the other notifies it: a
/// notification that gets lost stops both.
class VirtqueueThreadsTest {
    private static final int BUFFERS = 30_000;

    static List<Format> formats() {
        return Format.all();
    }

    @ParameterizedTest
    @MethodSource("formats")
    void noNotificationGetsLost(Format format) throws InterruptedException {
        TestMachine machine = new TestMachine();
        TestVirtioDevice device = new TestVirtioDevice(machine, 2, format.features(), 8, 8);
        Virtqueue.Shape shape = new Virtqueue.Shape(0, 8, format.features(), 2);
        DmaBuffer memory =
                machine.allocate(machine.lease(), DmaRequest.pages(Virtqueue.bytes(shape)));
        DmaBuffer data = machine.allocateShared(machine.lease(), DmaRequest.pages(4096));
        Semaphore kicks = new Semaphore(0);
        Semaphore interrupts = new Semaphore(0);
        MmioRegion doorbell =
                MmioRegion.ofAccess(
                        "doorbell", machine.lease(), new DoorbellBus(_ -> kicks.release()), 0, 2);
        Virtqueue queue = Virtqueue.create(shape, memory, doorbell, 0);
        DeviceRing ring =
                DeviceRing.of(
                        machine,
                        new DeviceRing.Place(
                                8,
                                format.features(),
                                queue.descriptorArea(),
                                queue.driverArea(),
                                queue.deviceArea()));
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread other = new Thread(() -> serve(ring, kicks, interrupts, failure), "device");
        other.start();
        drive(queue, data.address(), interrupts);
        other.join(10_000);
        assertThat(failure.get()).isNull();
        assertThat(other.isAlive()).isFalse();
        device.close();
        machine.close();
    }

    private static void drive(Virtqueue queue, long address, Semaphore interrupts)
            throws InterruptedException {
        int submitted = 0;
        int done = 0;
        Deadline deadline = Deadline.afterMillis(30_000);
        while (done < BUFFERS) {
            while (submitted < BUFFERS && queue.begin(1 + (submitted & 1))) {
                if ((submitted & 1) == 1) {
                    queue.out(address, 16);
                }
                queue.in(address + 64, 16);
                queue.submit(submitted++);
            }
            boolean _ = queue.kick();
            queue.disableInterrupts();
            int before = done;
            while (queue.poll()) {
                done++;
            }
            if (done == before && queue.enableInterrupts()) {
                assertThat(interrupts.tryAcquire(10, TimeUnit.SECONDS))
                        .as("an interrupt after %d of %d buffers", done, submitted)
                        .isTrue();
            }
            assertThat(queue.defect()).isEmpty();
            assertThat(deadline.isExpired()).isFalse();
        }
    }

    private static void serve(
            DeviceRing ring,
            Semaphore kicks,
            Semaphore interrupts,
            AtomicReference<Throwable> failure) {
        try {
            int served = 0;
            while (served < BUFFERS) {
                RequestChain chain = ring.next();
                if (chain != null) {
                    ring.use(chain, 16);
                    served++;
                    if (ring.interruptDue()) {
                        interrupts.release();
                    }
                } else if (!kicks.tryAcquire(10, TimeUnit.SECONDS)) {
                    throw new AssertionError("no notification after " + served);
                }
            }
        } catch (Throwable e) {
            failure.set(e);
        }
    }
}
