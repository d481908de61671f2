package helix.driver.net.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.driver.kit.virtio.RequestChain;
import helix.hal.api.Lease;
import helix.virtio.VirtioFeature;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// Nothing that the device says is believed: what cannot be right is counted, or ends the device's
/// use, and never is an exception in the client's hands.
class HostileDeviceTest {
    /// A card that receives, and a pool whose frames all have to come back.
    private static final class Receiving implements AutoCloseable {
        final Fixture f;
        final FramePool pool;
        final RxQueue rx;
        final Burst burst = new Burst(8);

        Receiving(long features) {
            f = new Fixture(features).start();
            pool = f.pool(32);
            rx = f.rx(pool);
        }

        void use(int written, byte[] header) {
            RequestChain chain = f.nic.device.kept(0).getFirst();
            if (header.length > 0) {
                chain.write(0, header);
            }
            f.nic.device.complete(0, chain, written);
        }

        void expectError() {
            assertThat(rx.receive(burst)).isZero();
            assertThat(f.device().statistics().rxErrors()).isEqualTo(1);
            assertThat(f.context.failures).isEmpty();
            // And it goes on.
            f.nic.deliver(new byte[60]);
            assertThat(rx.receive(burst)).isEqualTo(1);
            pool.give(burst.frame(0));
        }

        void expectBroken() {
            assertThat(rx.receive(burst)).isZero();
            assertThat(f.context.failures).hasSize(1);
            assertThat(rx.isOpen()).isFalse();
            assertThat(rx.receive(burst)).isZero();
            // Before the reset is confirmed no frame comes back.
            rx.close();
            assertThat(pool.available()).isLessThan(pool.count());
            f.nic.machine.end(Lease.State.RELEASED);
        }

        @Override
        public void close() {
            rx.close();
            rx.close();
            assertThat(pool.available()).isEqualTo(pool.count());
            pool.close();
            f.close();
        }
    }

    private static Stream<Long> formats() {
        return Stream.of(FakeNic.ALL, FakeNic.ALL | VirtioFeature.RING_PACKED);
    }

    private static Stream<DynamicTest> onBoth(java.util.function.Consumer<Receiving> body) {
        return formats()
                .map(features ->
                        DynamicTest.dynamicTest(
                                (features & VirtioFeature.RING_PACKED) == 0 ? "split" : "packed",
                                () -> {
                                    try (Receiving r = new Receiving(features)) {
                                        body.accept(r);
                                    }
                                }));
    }

    @TestFactory
    Stream<DynamicTest> lessThanAHeader() {
        return onBoth(r -> {
            r.use(5, new byte[0]);
            r.expectError();
        });
    }

    @TestFactory
    Stream<DynamicTest> lessThanAFrame() {
        return onBoth(r -> {
            r.use(NetHeader.BYTES + 13, FakeNic.header(0, 1));
            r.expectError();
        });
    }

    @TestFactory
    Stream<DynamicTest> moreThanTheBuffer() {
        return onBoth(r -> {
            r.use(100_000, FakeNic.header(0, 1));
            r.expectBroken();
        });
    }

    @TestFactory
    Stream<DynamicTest> noBuffers() {
        return onBoth(r -> {
            r.use(100, FakeNic.header(0, 0));
            r.expectError();
        });
    }

    @TestFactory
    Stream<DynamicTest> moreBuffersThanThereAre() {
        return onBoth(r -> {
            r.use(100, FakeNic.header(0, 60_000));
            r.expectBroken();
        });
    }

    /// What is missing may still come; until then the client gets nothing.
    @TestFactory
    Stream<DynamicTest> fewerBuffersThanSaid() {
        return onBoth(r -> {
            r.use(100, FakeNic.header(0, 2));
            assertThat(r.rx.receive(r.burst)).isZero();
            r.use(50, new byte[0]);
            assertThat(r.rx.receive(r.burst)).isEqualTo(2);
            assertThat(r.burst.flags(0)).isEqualTo(Burst.MORE);
            assertThat(r.burst.length(0) + r.burst.length(1)).isEqualTo(100 - 12 + 50);
            r.pool.give(r.burst.frame(0));
            r.pool.give(r.burst.frame(1));
        });
    }

    @TestFactory
    Stream<DynamicTest> unknownFlags() {
        return onBoth(r -> {
            r.use(100, FakeNic.header(0x80, 1));
            r.expectError();
        });
    }

    @TestFactory
    Stream<DynamicTest> joinedThoughNotAsked() {
        return onBoth(r -> {
            byte[] header = FakeNic.header(0, 1);
            header[1] = NetHeader.GSO_TCPV4;
            r.use(100, header);
            r.expectError();
        });
    }

    @TestFactory
    Stream<DynamicTest> checksumOutsideTheFrame() {
        return onBoth(r -> {
            byte[] header = FakeNic.header(NetHeader.F_NEEDS_CSUM, 1);
            header[6] = 90;
            header[8] = 16;
            r.use(100, header);
            r.expectError();
        });
    }

    @Test
    void sentFramesComeBackAfterTheConfirmedResetOnly() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            f.nic.holdsSent = true;
            FramePool pool = f.pool(8);
            TxQueue tx = f.tx(pool);
            Burst burst = new Burst(2).add(pool.take(), 60, Burst.MORE).add(pool.take(), 60, 0);
            assertThat(tx.send(burst)).isEqualTo(2);
            f.nic.device.needsReset();
            assertThat(f.context.failures).hasSize(1);
            assertThat(tx.isOpen()).isFalse();
            assertThat(tx.reclaim()).isZero();
            assertThat(pool.available()).isEqualTo(6);
            pool.close();
            int live = f.nic.machine.liveBuffers();
            f.nic.machine.end(Lease.State.RELEASED);
            assertThat(tx.reclaim()).isEqualTo(1);
            assertThat(pool.available()).isEqualTo(8);
            assertThat(f.nic.machine.liveBuffers()).isEqualTo(live - 1);
        }
    }

    @Test
    void anUnconfirmedResetKeepsTheFrames() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            FramePool pool = f.pool(8);
            RxQueue rx = f.rx(pool);
            f.nic.machine.end(Lease.State.QUARANTINED);
            assertThat(rx.receive(new Burst(1))).isZero();
            rx.close();
            rx.close();
            assertThat(pool.available()).isZero();
        }
    }

    @Test
    void anUnpluggedDeviceFailsOnce() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            FramePool pool = f.pool(8);
            RxQueue rx = f.rx(pool);
            f.nic.device.unplug();
            f.context.runAgent();
            f.driver.handleEvent(new helix.modules.api.Event.DeviceRemoved());
            f.context.runAgent();
            assertThat(f.context.failures).hasSize(1);
            assertThat(rx.isOpen()).isFalse();
            assertThat(rx.receive(new Burst(1))).isZero();
            assertThat(f.driver.health().ok()).isFalse();
        }
    }

    @Test
    void aSilentControlQueueHasADeadline() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            f.nic.ack = -1;
            assertThat(
                            org.assertj.core.api.Assertions.catchThrowable(
                                    () -> f.device().promiscuous(true)))
                    .isInstanceOf(helix.driver.api.net.NetworkException.class)
                    .hasMessageContaining("no answer within");
            assertThat(f.context.failures).hasSize(1);
        }
    }

    @Test
    void aRestartThatHangsFailsTheModule() {
        try (Fixture f = new Fixture(FakeNic.ALL & ~VirtioFeature.RING_RESET).start()) {
            FramePool pool = f.pool(16);
            RxQueue rx = f.rx(pool);
            f.nic.device.hangInReset(true);
            rx.close();
            assertThat(f.context.failures).hasSize(1);
            assertThat(pool.available()).isZero();
            f.nic.device.hangInReset(false);
            f.nic.machine.end(Lease.State.RELEASED);
            rx.close();
            assertThat(pool.available()).isEqualTo(16);
        }
    }
}
