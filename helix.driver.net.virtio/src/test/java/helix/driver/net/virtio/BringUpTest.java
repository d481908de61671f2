package helix.driver.net.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.net.Burst;
import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.NetworkException;
import helix.driver.api.net.RxQueue;
import helix.virtio.DeviceStatus;
import helix.virtio.VirtioFeature;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/// What the driver makes of what the device offers: VIRTIO 1.2, sections 3.1.1 and 5.1.3 to 5.1.6.
class BringUpTest {
    @Test
    void readsTheConfiguration() {
        try (Fixture f = new Fixture(FakeNic.ALL)) {
            f.nic.short16(10, 9000);
            f.start();
            assertThat(f.device().macAddress()).isEqualTo(FakeNic.MAC);
            assertThat(f.context.properties.get(NetworkDevice.IDENTITY))
                    .isEqualTo("52:54:00:ab:cd:ef");
            assertThat(f.device().mtu()).isEqualTo(9000);
            assertThat(f.device().limits().maxFrame()).isEqualTo(9014);
            assertThat(f.device().linkSpeed()).isEqualTo(10_000);
            assertThat(f.device().limits().offloads())
                    .isEqualTo(Burst.CHECKSUM | Burst.TSO4 | Burst.TSO6);
            assertThat(f.nic.device.status() & DeviceStatus.DRIVER_OK).isNotZero();
        }
    }

    @Test
    void acceptsNothingWithoutWhatItNeeds() {
        long needsControl =
                NetFeature.CTRL_RX
                        | NetFeature.CTRL_VLAN
                        | NetFeature.MQ
                        | NetFeature.CTRL_MAC_ADDR
                        | NetFeature.GUEST_ANNOUNCE;
        long offered = FakeNic.ALL & ~NetFeature.CTRL_VQ & ~NetFeature.CSUM;
        try (Fixture f = new Fixture(offered).start()) {
            assertThat(f.nic.device.driverFeatures() & needsControl).isZero();
            assertThat(
                            f.nic.device.driverFeatures()
                                    & (NetFeature.HOST_TSO4 | NetFeature.HOST_TSO6))
                    .isZero();
            assertThat(f.device().limits().offloads()).isZero();
        }
    }

    @Test
    void takesNoCutFrames() {
        long guestTso = 1L << 7 | 1L << 8;
        try (Fixture f = new Fixture(FakeNic.ALL | guestTso).start()) {
            assertThat(f.nic.device.driverFeatures() & guestTso).isZero();
        }
    }

    @Test
    void anImpossibleMtuIsRefused() {
        try (Fixture f = new Fixture(FakeNic.ALL)) {
            f.nic.short16(10, 67);
            assertThatThrownBy(() -> f.driver.init(f.context)).hasMessageContaining("MTU of 67");
        }
    }

    @Test
    void anImpossibleNumberOfPairsIsRefused() {
        try (Fixture f = new Fixture(FakeNic.ALL)) {
            f.nic.short16(8, 0);
            assertThatThrownBy(() -> f.driver.init(f.context)).hasMessageContaining("pairs of 0");
        }
    }

    @Test
    void morePairsThanQueuesAreRefused() {
        try (Fixture f = new Fixture(FakeNic.ALL)) {
            f.nic.short16(8, 4);
            assertThatThrownBy(() -> f.driver.init(f.context)).hasMessageContaining("no queue");
        }
    }

    @Test
    void refusedFeaturesAreAFailure() {
        try (Fixture f = new Fixture(FakeNic.ALL)) {
            f.nic.device.refuseFeatures(NetFeature.MTU);
            assertThatThrownBy(() -> f.driver.init(f.context))
                    .isInstanceOf(helix.hal.api.DeviceException.class);
            assertThat(f.nic.device.status() & DeviceStatus.FAILED).isNotZero();
        }
    }

    @Test
    void controlCommands() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            f.nic.commands.clear();
            f.device().promiscuous(true);
            f.device().macAddress(0x02_01_02_03_04_05L);
            f.device().vlan(0x123, true);
            f.device().vlan(0x123, false);
            assertThat(f.nic.commands)
                    .containsExactly(
                            new byte[] {0, 0, 1},
                            new byte[] {1, 1, 2, 1, 2, 3, 4, 5},
                            new byte[] {2, 0, 0x23, 1},
                            new byte[] {2, 1, 0x23, 1});
            assertThat(f.device().macAddress()).isEqualTo(0x02_01_02_03_04_05L);
            f.nic.ack = 1;
            assertThatThrownBy(() -> f.device().promiscuous(false))
                    .isInstanceOfSatisfying(
                            NetworkException.class,
                            e ->
                                    assertThat(e.reason())
                                            .isEqualTo(NetworkException.Reason.UNSUPPORTED));
            assertThatThrownBy(() -> f.device().macAddress(0x01_00_00_00_00_01L))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(f.context.failures).isEmpty();
        }
    }

    @Test
    void severalPairsAreUsedAsTheyAreOpened() {
        try (Fixture f = new Fixture(FakeNic.ALL, 4, 32).start()) {
            assertThat(f.device().limits().rxQueues()).isEqualTo(4);
            f.nic.commands.clear();
            FramePool pool = f.pool(64);
            RxQueue third = f.device().openRx(new NetQueueOptions(2, 8, false, false), pool);
            assertThat(f.nic.commands).containsExactly(new byte[] {4, 0, 3, 0});
            f.nic.deliver(4, FakeNic.header(0, 1), new byte[77]);
            Burst burst = new Burst(4);
            assertThat(third.receive(burst)).isEqualTo(1);
            assertThat(burst.length(0)).isEqualTo(77);
            pool.give(burst.frame(0));
            third.close();
            assertThat(f.nic.commands.getLast()).isEqualTo(new byte[] {4, 0, 1, 0});
            assertThat(pool.available()).isEqualTo(64);
        }
    }

    @Test
    void anAnnouncementIsAcknowledged() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            AtomicInteger announced = new AtomicInteger();
            AutoCloseable _ =
                    f.device()
                            .onLink(
                                    new NetworkDevice.LinkListener() {
                                        @Override
                                        public void linkChanged(boolean up) {
                                            throw new AssertionError("the link is as it was");
                                        }

                                        @Override
                                        public void announce() {
                                            announced.incrementAndGet();
                                        }
                                    });
            f.nic.status(NetConfig.LINK_UP | NetConfig.ANNOUNCE);
            f.nic.commands.clear();
            f.nic.device.configChanged();
            assertThat(announced).hasValue(1);
            assertThat(f.nic.commands).containsExactly(new byte[] {3, 0});
        }
    }

    @Test
    void oneKickForABurst() {
        try (Fixture f = new Fixture(FakeNic.ALL & ~VirtioFeature.RING_EVENT_IDX).start()) {
            FramePool pool = f.pool(64);
            Burst burst = new Burst(16);
            for (int i = 0; i < 16; i++) {
                burst.add(pool.take(), 60, 0);
            }
            long before = f.nic.device.kicks(1);
            var tx = f.tx(pool);
            assertThat(tx.send(burst)).isEqualTo(16);
            assertThat(f.nic.device.kicks(1) - before).isEqualTo(1);
            long rxBefore = f.nic.device.kicks(0);
            var rx = f.rx(f.pool(64));
            assertThat(f.nic.device.kicks(0) - rxBefore).isEqualTo(1);
            tx.close();
            rx.close();
        }
    }

    @Test
    void headersSayWhatTheDeviceComputes() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            FramePool pool = f.pool(8);
            var tx = f.tx(pool);
            Burst burst = new Burst(4);
            burst.add(pool.take(), 1000, Burst.CHECKSUM | Burst.TSO6).offload(34, 16, 512, 54);
            burst.add(pool.take(), 100, Burst.CHECKSUM).offload(34, 6, 0, 0);
            burst.add(pool.take(), 60, 0);
            assertThat(tx.send(burst)).isEqualTo(3);
            assertThat(java.util.Arrays.copyOf(f.nic.sent.poll(), 12))
                    .isEqualTo(new byte[] {1, 4, 54, 0, 0, 2, 34, 0, 16, 0, 0, 0});
            assertThat(java.util.Arrays.copyOf(f.nic.sent.poll(), 12))
                    .isEqualTo(new byte[] {1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0});
            assertThat(java.util.Arrays.copyOf(f.nic.sent.poll(), 12)).isEqualTo(new byte[12]);
            tx.close();
        }
    }

    /// 5.1.6.2.1: `num_buffers` is 0 on the way out, also of a frame that came in with 1.
    @Test
    void aFrameThatIsSentOnHasAHeaderOfItsOwn() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            FramePool pool = f.pool(8);
            RxQueue rx = f.rx(pool);
            var tx = f.tx(pool);
            Burst burst = new Burst(4);
            for (int i = 0; i < 4; i++) {
                f.nic.deliver(new byte[60]);
                assertThat(rx.receive(burst)).isEqualTo(1);
                assertThat(tx.send(burst)).isEqualTo(1);
                assertThat(java.util.Arrays.copyOf(f.nic.sent.poll(), 12)).isEqualTo(new byte[12]);
            }
            tx.close();
            rx.close();
        }
    }

    /// UDP from 10.0.0.1 to 10.0.0.2, its checksum left to the network: the field has the pseudo
    /// header's sum.
    @Test
    void anIncompleteChecksumIsCompleted() {
        try (Fixture f = new Fixture(FakeNic.ALL).start()) {
            FramePool pool = f.pool(8, 128);
            RxQueue rx = f.rx(pool);
            byte[] frame = new byte[14 + 20 + 8 + 37];
            for (int i = 42; i < frame.length; i++) {
                frame[i] = (byte) (i * 7);
            }
            frame[39] = 45;
            int pseudo = 0x0a00 + 1 + 0x0a00 + 2 + 17 + 45;
            frame[40] = (byte) (pseudo >> 8);
            frame[41] = (byte) pseudo;
            byte[] header = FakeNic.header(NetHeader.F_NEEDS_CSUM, 1);
            header[6] = 34;
            header[8] = 6;
            f.nic.deliver(0, header, frame);
            Burst burst = new Burst(4);
            int entries = rx.receive(burst);
            assertThat(entries).as("pieces of %d bytes", pool.capacity()).isEqualTo(2);
            assertThat(burst.flags(0) & Burst.CHECKSUM).isNotZero();
            byte[] all = new byte[frame.length];
            int at = 0;
            for (int i = 0; i < entries; i++) {
                java.lang.foreign.MemorySegment.copy(
                        pool.segment(),
                        java.lang.foreign.ValueLayout.JAVA_BYTE,
                        pool.at(burst.frame(i)),
                        all,
                        at,
                        burst.length(i));
                at += burst.length(i);
                pool.give(burst.frame(i));
            }
            assertThat(at).isEqualTo(frame.length);
            long sum = 0x0a00 + 1 + 0x0a00 + 2 + 17 + 45;
            for (int i = 34; i < all.length; i++) {
                sum += (i & 1) == 0 ? (all[i] & 0xFF) << 8 : all[i] & 0xFF;
            }
            while (sum >>> 16 != 0) {
                sum = (sum & 0xFFFF) + (sum >>> 16);
            }
            assertThat(sum).isEqualTo(0xFFFF);
            rx.close();
        }
    }
}
