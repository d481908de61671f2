package helix.net.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.net.Burst;
import helix.driver.api.net.NetworkException;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceBusyException;
import helix.hal.api.DeviceGoneException;
import helix.modules.api.ModuleError;
import helix.modules.api.reload.ReloadParticipant.Counts;
import helix.modules.api.reload.ReloadParticipant.Passage;
import helix.net.api.NetworkInterface;
import helix.net.api.NetworkInterface.Port;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

final class StablePortTest {
    private final NetRig rig = new NetRig();
    private final Burst burst = new Burst(64);

    private List<Integer> receive(Port port) {
        burst.clear();
        port.receive(burst);
        List<Integer> numbers = new ArrayList<>();
        for (int i = 0; i < burst.size(); i++) {
            long at = port.pool().at(burst.frame(i));
            numbers.add(port.pool().segment().get(ValueLayout.JAVA_BYTE, at) & 0xFF);
            port.pool().give(burst.frame(i));
        }
        burst.clear();
        return numbers;
    }

    private void loop() {
        FakeNic.connect(rig.nic, rig.nic);
    }

    @Test
    void movesFrames() {
        loop();
        try (Port port = rig.open()) {
            assertThat(port.send(NetRig.frame(1))).isTrue();
            assertThat(port.send(NetRig.frame(2))).isTrue();
            assertThat(port.await(1_000_000_000)).isTrue();
            assertThat(receive(port)).containsExactly(1, 2);
            var counters = rig.face.statistics();
            assertThat(counters.txFrames()).isEqualTo(2);
            assertThat(counters.rxFrames()).isEqualTo(2);
            assertThat(counters.rxBytes()).isEqualTo(120);
            assertThat(counters.txBytes()).isEqualTo(120);
            assertThat(rig.face.state()).isEqualTo(NetworkInterface.State.PRESENT);
        }
        assertThat(rig.nic.buffers).isZero();
    }

    @Test
    void hasOneUser() {
        Port port = rig.open();
        assertThatThrownBy(rig::open)
                .isInstanceOf(DeviceBusyException.class)
                .hasMessageContaining("test");
        assertThat(rig.reload.consumers(NetRig.SLOT)).containsExactly("net0 open by test");
        port.close();
        assertThat(rig.face.user()).isEmpty();
        rig.open().close();
    }

    @Test
    void keepsAllFramesOverAWarmReload() {
        loop();
        try (Port port = rig.open()) {
            port.send(NetRig.frame(1));
            rig.nic.holdTx = true;
            port.send(NetRig.frame(2));
            Counts counts = rig.warm(port);
            assertThat(counts.adopted()).isEqualTo(1);
            assertThat(counts.failed()).isZero();
            rig.nic.holdTx = false;
            port.send(NetRig.frame(3));
            assertThat(receive(port)).containsExactly(1, 2, 3);
            assertThat(rig.face.statistics().txDropped()).isZero();
            assertThat(rig.face.statistics().generations()).isEqualTo(2);
            assertThat(port.pool().available()).isEqualTo(256 - 64);
        }
        assertThat(rig.nic.buffers).isZero();
    }

    @Test
    void losesOnlyWhatWasUnderWayInAColdReload() {
        loop();
        try (Port port = rig.open()) {
            rig.nic.holdTx = true;
            port.send(NetRig.frame(1));
            Counts counts = rig.cold(port);
            // It may have gone out: networks lose frames, and nobody was told of an error.
            assertThat(counts.failed()).isZero();
            rig.nic.holdTx = false;
            port.send(NetRig.frame(2));
            assertThat(receive(port)).containsExactly(2);
            assertThat(rig.face.statistics().txDropped()).isEqualTo(1);
            // All frames are back in the pool.
            assertThat(port.pool().available()).isEqualTo(256 - 64);
        }
        assertThat(rig.nic.buffers).isZero();
    }

    @Test
    void reportsAsFailedWhatFoundNoRoomInAReload() {
        loop();
        try (Port port = rig.open();
                Passage passage = rig.reload.begin(NetRig.SLOT)) {
            rig.nic.holdTx = true;
            port.send(NetRig.frame(1));
            assertThat(passage.park(NetRig.soon())).isTrue();
            rig.crash();
            for (int i = 0; i < 64; i++) {
                assertThat(port.send(NetRig.frame(i))).isTrue();
            }
            assertThat(port.send(NetRig.frame(99))).isFalse();
            rig.serveNext();
            port.await(1);
            passage.verify(NetRig.soon());
            Counts counts = passage.resume();
            assertThat(counts.parked()).isEqualTo(64);
            assertThat(counts.failed()).isEqualTo(1);
            // And the one whose outcome nobody knows.
            assertThat(rig.face.statistics().txDropped()).isEqualTo(2);
        }
    }

    @Test
    void parksFramesWithoutADriver() {
        loop();
        try (Port port = rig.open()) {
            rig.crash();
            assertThat(rig.face.state()).isEqualTo(NetworkInterface.State.DRIVERLESS);
            for (int i = 0; i < 64; i++) {
                assertThat(port.send(NetRig.frame(i))).isTrue();
            }
            assertThat(port.send(NetRig.frame(99))).isFalse();
            assertThat(rig.face.statistics().txParked()).isEqualTo(64);
            assertThat(rig.face.statistics().txDropped()).isEqualTo(1);
            rig.serveNext();
            assertThat(port.await(1_000_000_000)).isTrue();
            assertThat(receive(port)).hasSize(64).startsWith(0, 1, 2).endsWith(63);
        }
    }

    @Test
    void countsWhatTheDeviceCouldNotReceive() {
        try (Port port = rig.open()) {
            for (int i = 0; i < 70; i++) {
                rig.nic.deliver(new byte[60]);
            }
            assertThat(receive(port)).hasSize(64);
            assertThat(rig.face.statistics().rxDropped()).isEqualTo(6);
        }
    }

    @Test
    void survivesADriverThatThrows() {
        loop();
        try (Port port = rig.open()) {
            rig.generation.crashed = true;
            assertThat(port.receive(burst)).isZero();
            assertThat(port.send(NetRig.frame(1))).isTrue();
            rig.table.removed(rig.backend);
            rig.serveNext();
            assertThat(port.await(1_000_000_000)).isTrue();
            assertThat(receive(port)).containsExactly(1);
        }
    }

    /// A generation that has failed and is about to be replaced: no reason to refuse a user.
    @Test
    void waitsForTheNextGenerationWhereThisOneIsOver() {
        loop();
        rig.generation.refuses =
                new NetworkException(NetworkException.Reason.GENERATION_GONE, "FAILED");
        try (Port port = rig.open()) {
            assertThat(port.isOpen()).isTrue();
            assertThat(port.receive(burst)).isZero();
            assertThat(port.send(NetRig.frame(1))).isTrue();
            rig.table.removed(rig.backend);
            rig.serveNext();
            assertThat(port.await(1_000_000_000)).isTrue();
            assertThat(receive(port)).containsExactly(1);
        }
    }

    @Test
    void isRevivedByTheSameAddress() {
        loop();
        try (Port port = rig.open()) {
            rig.table.deviceRemoved(NetRig.SLOT);
            rig.table.removed(rig.backend);
            assertThat(rig.face.state()).isEqualTo(NetworkInterface.State.ABSENT);
            assertThat(port.isOpen()).isFalse();
            assertThat(port.send(NetRig.frame(1))).isFalse();
            rig.generation.crashed = true;
            rig.generation = rig.nic.generation();
            rig.backend = rig.serve(rig.generation, "0000:00:07.0");
            assertThat(rig.published).hasSize(1);
            assertThat(port.isOpen()).isTrue();
            assertThat(port.send(NetRig.frame(2))).isTrue();
            assertThat(port.await(1_000_000_000)).isTrue();
            assertThat(receive(port)).containsExactly(2);
        }
    }

    @Test
    void isNotOpenedWhileAbsent() {
        rig.table.deviceRemoved(NetRig.SLOT);
        rig.table.removed(rig.backend);
        assertThatThrownBy(rig::open).isInstanceOf(DeviceGoneException.class);
        assertThat(rig.face.user()).isEmpty();
    }

    @Test
    void saysWhenANewGenerationDoesNotReachItsMemory() {
        try (Port port = rig.open();
                Passage passage = rig.reload.begin(NetRig.SLOT)) {
            assertThat(passage.park(NetRig.soon())).isTrue();
            rig.crash();
            rig.nic.pool = new Object();
            rig.serveNext();
            port.await(1);
            assertThatThrownBy(() -> passage.verify(NetRig.soon()))
                    .isInstanceOf(ModuleError.class)
                    .hasMessageContaining("does not reach the memory");
            assertThat(port.isOpen()).isFalse();
        }
    }

    @Test
    void waitsForTheUserToLeaveTheDriver() throws Exception {
        Port port = rig.open();
        CompletableFuture<Boolean> awaited =
                CompletableFuture.supplyAsync(() -> port.await(20_000_000_000L));
        try (Passage passage = rig.reload.begin(NetRig.SLOT)) {
            // He sleeps in the driver's code, or is about to.
            assertThat(passage.park(NetRig.soon())).isTrue();
            rig.crash();
            rig.serveNext();
            passage.verify(NetRig.soon());
            assertThat(passage.resume().failed()).isZero();
        }
        rig.nic.deliver(new byte[60]);
        assertThat(awaited.get(5, TimeUnit.SECONDS)).isTrue();
        port.close();
    }

    @Test
    void leavesAStuckUserWhereHeIs() throws Exception {
        loop();
        Port port = rig.open();
        FakeNic.Generation stuck = rig.generation;
        stuck.hangs = true;
        CompletableFuture<Integer> inside =
                CompletableFuture.supplyAsync(() -> port.receive(new Burst(8)));
        while (!stuck.hanging) {
            Thread.onSpinWait();
        }
        try (Passage passage = rig.reload.begin(NetRig.SLOT)) {
            assertThat(passage.park(Deadline.afterMillis(20))).isFalse();
            rig.crash();
            rig.serveNext();
            passage.resume();
        }
        stuck.hangs = false;
        assertThat(inside.get(5, TimeUnit.SECONDS)).isZero();
        assertThat(port.send(NetRig.frame(5))).isTrue();
        assertThat(receive(port)).containsExactly(5);
        port.close();
    }

    @Test
    void drains() throws Exception {
        loop();
        try (Port port = rig.open();
                Passage passage = rig.reload.begin(NetRig.SLOT)) {
            rig.nic.holdTx = true;
            port.send(NetRig.frame(1));
            assertThat(passage.park(NetRig.soon())).isTrue();
            assertThat(passage.drain(Deadline.afterMillis(10))).isFalse();
            rig.nic.holdTx = false;
            AtomicBoolean done = new AtomicBoolean();
            CompletableFuture<Void> owner =
                    CompletableFuture.runAsync(() -> {
                        while (!done.get()) {
                            port.await(1_000_000);
                        }
                    });
            assertThat(passage.drain(NetRig.soon())).isTrue();
            done.set(true);
            owner.get(5, TimeUnit.SECONDS);
        }
    }

    @Test
    void showsFramesToMonitors() throws Exception {
        loop();
        List<String> seen = new ArrayList<>();
        try (Port port = rig.open()) {
            try (AutoCloseable _ =
                    rig.face.monitor((sent, nanos, memory, offset, length, more) ->
                            seen.add(
                                    (sent ? "out " : "in ")
                                            + memory.get(ValueLayout.JAVA_BYTE, offset)
                                            + " "
                                            + length))) {
                port.send(NetRig.frame(9));
                receive(port);
            }
            port.send(NetRig.frame(10));
            receive(port);
        }
        assertThat(seen).containsExactly("out 9 60", "in 9 60");
    }

    @Test
    void refusesWhatTheDeviceRefuses() {
        try (Port port = rig.open()) {
            assertThatThrownBy(() -> port.send(MemorySegment.ofArray(new byte[1600])))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(port.pool().available()).isEqualTo(256 - 64);
            assertThat(port.send(NetRig.frame(1))).isTrue();
        }
    }

    @Test
    void tellsOfTheLinkAcrossGenerations() throws Exception {
        List<Boolean> told = new ArrayList<>();
        try (AutoCloseable _ = rig.face.onLink(told::add)) {
            rig.generation.link(false);
            rig.generation.link(true);
            rig.crash();
            rig.serveNext();
            rig.generation.link(true);
        }
        rig.generation.link(false);
        assertThat(told).containsExactly(false, true, false, true);
    }

    @Test
    void isClosedAfterAReloadThatIsUnderWay() throws Exception {
        Port port = rig.open();
        CompletableFuture<Void> closing;
        try (Passage passage = rig.reload.begin(NetRig.SLOT)) {
            assertThat(passage.park(NetRig.soon())).isTrue();
            rig.generation.passed = true;
            closing = CompletableFuture.runAsync(port::close);
            NetBackend old = rig.backend;
            rig.generation = rig.nic.generation();
            rig.generation.adopts = true;
            rig.backend = rig.serve(rig.generation, NetRig.SLOT);
            rig.table.removed(old);
            passage.resume();
        }
        closing.get(5, TimeUnit.SECONDS);
        assertThat(rig.face.user()).isEmpty();
        assertThat(rig.nic.buffers).isZero();
    }

    @Test
    void opensWhenTheDriverComes() throws Exception {
        rig.crash();
        CompletableFuture<Port> opened = CompletableFuture.supplyAsync(rig::open);
        rig.serveNext();
        opened.get(5, TimeUnit.SECONDS).close();
    }

    @Test
    void aSecondDeviceIsAnotherInterface() {
        FakeNic other = new FakeNic(NetRig.MAC + 1);
        rig.serve(other.generation(), "0000:00:06.0");
        FakeNic twin = new FakeNic(NetRig.MAC);
        rig.serve(twin.generation(), "0000:00:07.0");
        assertThat(rig.published.stream().map(StableInterface::name))
                .containsExactly("net0", "net1", "net2");
        assertThat(NetBackend.text(NetRig.MAC)).isEqualTo("52:54:00:12:34:56");
    }

    @Test
    void movesFramesWhileDriversAreReplaced() throws Exception {
        loop();
        Port port = rig.open();
        AtomicBoolean done = new AtomicBoolean();
        CompletableFuture<long[]> owner =
                CompletableFuture.supplyAsync(() -> {
                    Burst mine = new Burst(32);
                    long sent = 0;
                    long got = 0;
                    while (!done.get()) {
                        sent += port.send(NetRig.frame((int) sent)) ? 1 : 0;
                        port.receive(mine);
                        got += mine.size();
                        for (int i = 0; i < mine.size(); i++) {
                            port.pool().give(mine.frame(i));
                        }
                        mine.clear();
                    }
                    port.receive(mine);
                    while (mine.size() > 0 || port.await(50_000_000)) {
                        port.receive(mine);
                        got += mine.size();
                        for (int i = 0; i < mine.size(); i++) {
                            port.pool().give(mine.frame(i));
                        }
                        mine.clear();
                    }
                    return new long[] {sent, got};
                });
        for (int i = 0; i < 50; i++) {
            try (Passage passage = rig.reload.begin(NetRig.SLOT)) {
                assertThat(passage.park(NetRig.soon())).isTrue();
                rig.generation.passed = true;
                NetBackend old = rig.backend;
                rig.generation = rig.nic.generation();
                rig.generation.adopts = true;
                rig.backend = rig.serve(rig.generation, NetRig.SLOT);
                passage.verify(NetRig.soon());
                passage.resume();
                rig.table.removed(old);
            }
        }
        done.set(true);
        long[] counts = owner.get(10, TimeUnit.SECONDS);
        assertThat(counts[1]).isPositive();
        // What could not be taken was counted, and nothing else is missing.
        assertThat(rig.face.statistics().generations()).isEqualTo(51);
        assertThat(counts[1] + rig.face.statistics().rxDropped()).isEqualTo(counts[0]);
        port.close();
        assertThat(rig.nic.buffers).isZero();
    }
}
