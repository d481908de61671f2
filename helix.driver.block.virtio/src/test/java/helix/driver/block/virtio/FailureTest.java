package helix.driver.block.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.QueueOptions;
import helix.driver.kit.virtio.RequestChain;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.DmaBuffer;
import helix.hal.api.Lease;
import helix.modules.api.Event;
import helix.virtio.VirtioFeature;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// Each accepted request ends exactly once, whatever happens.
class FailureTest {
    private final Fixture f = Fixture.usual();
    private BlockQueue queue;
    private DmaBuffer buffer;

    @BeforeEach
    void begin() {
        f.start();
        queue = f.disk().openQueue(QueueOptions.polled(8));
        buffer = f.disk().allocate(4096);
        f.media.hold = true;
    }

    @AfterEach
    void end() {
        buffer.close();
        f.close();
    }

    private void submit(int count) {
        for (int i = 0; i < count; i++) {
            assertThat(queue.submit(BlockOp.READ, 0, i, 1, buffer, 512L * i, i)).isTrue();
        }
        queue.kick();
    }

    private void endsNothing() {
        assertThat(queue.poll((tag, status) -> {}, 9)).isZero();
    }

    private void isRefused() {
        assertThat(queue.isOpen()).isFalse();
        assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 9)).isFalse();
    }

    @Test
    void aRequestThatDoesNotEndInTimeFailsTheModuleOnce() {
        submit(2);
        for (int i = 0; i < 120; i++) {
            endsNothing();
            f.watch(Duration.ofMillis(100), 1);
        }
        assertThat(f.context.failures).hasSize(1);
        assertThat(f.context.failures.getFirst()).contains("PT10S");
        isRefused();
        endsNothing();
        f.release(Lease.State.RELEASED);
        assertThat(Fixture.drain(queue, 2))
                .containsExactlyInAnyOrder("0:driver is gone", "1:driver is gone");
        assertThat(queue.inFlight()).isZero();
    }

    /// What was completed counts, however late its owner looks.
    @Test
    void anOwnerThatDoesNotLookIsNotTheDevicesFault() {
        submit(1);
        f.media.release(0);
        f.watch(Duration.ofMillis(100), 200);
        assertThat(f.context.failures).isEmpty();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:ok");
        f.watch(Duration.ofMillis(100), 2);
        assertThat(f.context.failures).isEmpty();
    }

    /// A request that was not shown to the device does not age.
    @Test
    void aRequestWithoutKickDoesNotTimeOut() {
        assertThat(queue.submit(BlockOp.READ, 0, 0, 1, buffer, 0, 1)).isTrue();
        f.watch(Duration.ofMillis(100), 200);
        assertThat(f.context.failures).isEmpty();
    }

    @Test
    void aProcessThatStoodStillIsNotTheDevicesFault() {
        submit(1);
        f.watch(Duration.ofHours(1), 2);
        endsNothing();
        f.watch(Duration.ofMillis(100), 1);
        assertThat(f.context.failures).isEmpty();
        f.media.release(0);
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:ok");
    }

    @Test
    void aDeviceThatNeedsAResetFailsTheModule() {
        submit(3);
        f.media.device.needsReset();
        f.context.runAgents();
        f.context.runAgents();
        assertThat(f.context.failures).hasSize(1);
        isRefused();
        endsNothing();
        f.driver.stop();
        assertThat(f.media.device.resets()).isGreaterThan(1);
        assertThat(Fixture.drain(queue, 3))
                .containsExactlyInAnyOrder(
                        "0:driver is gone", "1:driver is gone", "2:driver is gone");
    }

    @Test
    void aBrokenQueueFailsTheModule() {
        submit(1);
        RequestChain chain = f.media.device.kept(0).getFirst();
        f.media.device.complete(0, chain, Integer.MAX_VALUE);
        endsNothing();
        f.context.runAgents();
        assertThat(f.context.failures).hasSize(1);
        assertThat(f.context.failures.getFirst()).contains("queue 0 is broken");
        f.release(Lease.State.RELEASED);
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:driver is gone");
    }

    @Test
    void withoutAConfirmedResetTheOutcomeIsUnknownAndTheMemoryStays() {
        submit(1);
        f.media.device.needsReset();
        f.context.runAgents();
        f.media.device.hangInReset(true);
        assertThatThrownBy(f.driver::stop).isInstanceOf(DeviceTimeoutException.class);
        endsNothing();
        int buffers = f.media.machine.liveBuffers();
        f.release(Lease.State.QUARANTINED);
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:outcome unknown");
        buffer.close();
        assertThat(f.media.machine.liveBuffers()).isEqualTo(buffers);
    }

    @Test
    void anUnpluggedDeviceEndsItsRequests() {
        submit(2);
        f.media.device.unplug();
        f.driver.handleEvent(new Event.DeviceRemoved());
        assertThat(Fixture.drain(queue, 2))
                .containsExactlyInAnyOrder("0:device is gone", "1:device is gone");
        isRefused();
        assertThatThrownBy(() -> f.disk().readBlock(0, MemorySegment.ofArray(new byte[512])))
                .isInstanceOf(BlockException.class)
                .hasMessageContaining("device is gone");
        f.driver.stop();
        assertThat(f.context.failures).isEmpty();
    }

    @Test
    void theWatchNoticesThatTheDeviceIsGone() {
        submit(1);
        f.media.device.unplug();
        f.context.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:device is gone");
    }

    @Test
    void aRevokedLeaseEndsRequestsWhenTheResetIsConfirmed() {
        submit(1);
        f.release(Lease.State.RELEASED);
        f.context.runAgents();
        assertThat(Fixture.drain(queue, 1)).containsExactly("0:driver is gone");
        isRefused();
        assertThat(f.context.failures).isEmpty();
    }

    @Test
    void aStoppedDriverEndsRequestsAfterTheReset() {
        submit(2);
        f.driver.stop();
        assertThat(f.media.device.status()).isZero();
        assertThat(Fixture.drain(queue, 2)).hasSize(2);
        isRefused();
        queue.close();
        assertThat(Fixture.drain(queue, 0)).isEqualTo(List.of());
    }

    @Test
    void aQueueThatIsClosedIsResetAloneWhereTheDeviceCan() {
        try (Fixture other = new Fixture(Fixture.USUAL | VirtioFeature.RING_RESET, 64, 64).start();
                DmaBuffer memory = other.disk().allocate(512)) {
            BlockQueue stuck = other.disk().openQueue(QueueOptions.polled(8));
            other.media.hold = true;
            assertThat(stuck.submit(BlockOp.READ, 0, 0, 1, memory, 0, 1)).isTrue();
            stuck.close();
            assertThat(other.media.device.kept(0)).isEmpty();
            assertThat(stuck.inFlight()).isZero();
            other.media.hold = false;
            try (BlockQueue next = other.disk().openQueue(QueueOptions.polled(8))) {
                assertThat(next.submit(BlockOp.READ, 0, 0, 1, memory, 0, 2)).isTrue();
                assertThat(Fixture.drain(next, 1)).containsExactly("2:ok");
            }
            other.context.runAgents();
            assertThat(other.context.failures).isEmpty();
        }
    }
}
