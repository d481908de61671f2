package helix.driver.net.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.driver.kit.virtio.RequestChain;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import helix.virtio.VirtioFeature;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// One generation leaves rings and frames in flight to the next, without a look at the registers
/// that the device could notice.
class HandOverTest {
    /// A card with a client.
    private static final class Client implements AutoCloseable {
        final Fixture f;
        final FramePool rxPool;
        final FramePool txPool;
        final Burst in = new Burst(32);
        final Burst out = new Burst(32);
        RxQueue rx;
        TxQueue tx;

        Client(long features) {
            f = new Fixture(features, 2, 32).start();
            rxPool = f.pool(32, 192);
            txPool = f.pool(32, 192);
            rx = f.rx(rxPool);
            tx = f.tx(txPool);
        }

        void add(int size, int mark, int flag) {
            int frame = txPool.take();
            txPool.segment().asSlice(txPool.at(frame), size).fill((byte) mark);
            out.add(frame, size, flag);
        }

        void follow(ModuleState state, long rxHandle, long txHandle) {
            f.adopt(state);
            rx = Objects.requireNonNull(f.device().adoptRx(rxHandle, rxPool));
            tx = Objects.requireNonNull(f.device().adoptTx(txHandle, txPool));
        }

        void handOver() {
            long rxHandle = rx.handle();
            long txHandle = tx.handle();
            assertThat(rxHandle).isNotZero();
            assertThat(txHandle).isNotZero();
            ModuleState state = f.save();
            int resets = f.nic.device.resets();
            follow(state, rxHandle, txHandle);
            assertThat(f.nic.device.resets()).isEqualTo(resets);
        }

        byte[] received(int from, int entries) {
            byte[] all = new byte[0];
            for (int i = from; i < from + entries; i++) {
                byte[] piece =
                        rxPool.segment()
                                .asSlice(rxPool.at(in.frame(i)), in.length(i))
                                .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
                int at = all.length;
                all = Arrays.copyOf(all, at + piece.length);
                System.arraycopy(piece, 0, all, at, piece.length);
                rxPool.give(in.frame(i));
            }
            return all;
        }

        @Override
        public void close() {
            rx.close();
            tx.close();
            assertThat(rxPool.available()).isEqualTo(rxPool.count());
            assertThat(txPool.available()).isEqualTo(txPool.count());
            f.close();
        }
    }

    private static Stream<DynamicTest> onBoth(Consumer<Client> body) {
        return Stream.of(FakeNic.ALL, FakeNic.ALL | VirtioFeature.RING_PACKED)
                .map(features ->
                        DynamicTest.dynamicTest(
                                (features & VirtioFeature.RING_PACKED) == 0 ? "split" : "packed",
                                () -> {
                                    try (Client c = new Client(features)) {
                                        body.accept(c);
                                    }
                                }));
    }

    private static byte[] filled(int size, int mark) {
        byte[] frame = new byte[size];
        Arrays.fill(frame, (byte) mark);
        return frame;
    }

    @TestFactory
    Stream<DynamicTest> framesInFlightArrive() {
        return onBoth(c -> {
            c.f.nic.holdsSent = true;
            for (int i = 0; i < 4; i++) {
                c.add(100, i, Burst.MORE);
                c.add(50, i, 0);
            }
            assertThat(c.tx.send(c.out)).isEqualTo(8);
            c.f.nic.deliver(filled(90, 1));
            c.f.nic.deliver(filled(300, 2));
            // A wait has taken a buffer from the ring already.
            assertThat(c.rx.await(0)).isTrue();
            c.handOver();
            assertThat(c.tx.inFlight()).isEqualTo(4);
            assertThat(c.txPool.available()).isEqualTo(24);
            assertThat(c.rx.receive(c.in)).isGreaterThan(2);
            assertThat(c.received(0, 1)).isEqualTo(filled(90, 1));
            assertThat(c.received(1, c.in.size() - 1)).isEqualTo(filled(300, 2));
            for (RequestChain chain : c.f.nic.device.kept(1)) {
                c.f.nic.device.complete(1, chain, 0);
            }
            assertThat(c.tx.reclaim()).isEqualTo(4);
            assertThat(c.txPool.available()).isEqualTo(32);
            c.f.nic.holdsSent = false;
            c.f.nic.deliver(filled(77, 3));
            c.in.clear();
            assertThat(c.rx.receive(c.in)).isEqualTo(1);
            assertThat(c.received(0, 1)).isEqualTo(filled(77, 3));
        });
    }

    /// Half of a frame came before, the other half after.
    @TestFactory
    Stream<DynamicTest> aFrameThatIsBeingGathered() {
        return onBoth(c -> {
            RequestChain first = c.f.nic.device.kept(0).getFirst();
            byte[] start = Arrays.copyOf(FakeNic.header(0, 2), 12 + 60);
            Arrays.fill(start, 12, start.length, (byte) 9);
            first.write(0, MemorySegment.ofArray(start));
            c.f.nic.device.complete(0, first, start.length);
            assertThat(c.rx.receive(c.in)).isZero();
            c.handOver();
            assertThat(c.rx.receive(c.in)).isZero();
            RequestChain second = c.f.nic.device.kept(0).getFirst();
            second.write(0, filled(40, 9));
            c.f.nic.device.complete(0, second, 40);
            assertThat(c.rx.receive(c.in)).isEqualTo(2);
            assertThat(c.received(0, 2)).isEqualTo(filled(100, 9));
        });
    }

    @TestFactory
    Stream<DynamicTest> manyTimes() {
        return onBoth(c -> {
            for (int i = 0; i < 50; i++) {
                c.add(60 + i, i, 0);
                assertThat(c.tx.send(c.out)).isEqualTo(1);
                c.f.nic.deliver(filled(60 + i, i));
                c.handOver();
                assertThat(c.f.nic.take(0)).isEqualTo(filled(60 + i, i));
                assertThat(c.rx.receive(c.in.clear())).isEqualTo(1);
                assertThat(c.received(0, 1)).isEqualTo(filled(60 + i, i));
            }
            // The control queue went along.
            c.f.device().promiscuous(true);
            assertThat(c.f.nic.commands.getLast()).isEqualTo(new byte[] {0, 0, 1});
        });
    }

    @Test
    void theOldGenerationsQueuesAreOver() {
        try (Client c = new Client(FakeNic.ALL)) {
            RxQueue oldRx = c.rx;
            TxQueue oldTx = c.tx;
            c.handOver();
            assertThat(oldRx.isOpen()).isFalse();
            assertThat(oldRx.receive(c.in)).isZero();
            assertThat(oldRx.handle()).isZero();
            c.add(60, 1, 0);
            assertThat(oldTx.send(c.out)).isZero();
            oldRx.close();
            oldTx.close();
            c.txPool.give(c.out.frame(0));
            assertThat(c.f.context.failures).isEmpty();
        }
    }

    @Test
    void queuesOfClientsThatCannotFollowAreEmptied() {
        try (Client c = new Client(FakeNic.ALL)) {
            FramePool pool = c.f.pool(16);
            RxQueue other = c.f.device().openRx(new NetQueueOptions(1, 8, false, false), pool);
            assertThat(pool.available()).isEqualTo(8);
            c.handOver();
            assertThat(other.isOpen()).isFalse();
            other.close();
            assertThat(pool.available()).isEqualTo(16);
            assertThat(c.f.device().adoptRx(3, pool)).isNull();
        }
    }

    @Test
    void withoutRingResetSuchAQueueMakesItCold() {
        try (Client c = new Client(FakeNic.ALL & ~VirtioFeature.RING_RESET)) {
            FramePool pool = c.f.pool(16);
            RxQueue other = c.f.device().openRx(new NetQueueOptions(1, 8, false, false), pool);
            assertThat(c.f.driver.saveState()).isEmpty();
            c.f.driver.stop();
            other.close();
            assertThat(pool.available()).isEqualTo(16);
        }
    }

    @Test
    void aDamagedStateIsRefused() {
        try (Client c = new Client(FakeNic.ALL)) {
            long rxHandle = c.rx.handle();
            long txHandle = c.tx.handle();
            ModuleState good = c.f.save();
            int tried = 0;
            for (int at = 0; at < good.data().length; at += 3) {
                byte[] data = good.data().clone();
                data[at] ^= (byte) 0x81;
                ModuleState bad = ModuleState.of(good.schema(), good.version(), data);
                try {
                    NetState read = NetState.of(bad);
                    assertThat(read).isNotNull();
                } catch (ModuleError e) {
                    tried++;
                }
            }
            assertThat(tried).isPositive();
            assertThatThrownBy(() ->
                            NetState.of(
                                    ModuleState.of(
                                            good.schema(),
                                            good.version(),
                                            Arrays.copyOf(good.data(), good.data().length - 1))))
                    .isInstanceOf(ModuleError.class);
            c.follow(good, rxHandle, txHandle);
        }
    }
}
