package helix.hal.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.vhostuser.Attachment.Limits;
import helix.hal.vhostuser.VhostUser.Request;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A back-end that says it has stopped while requests are in flight: the reset is confirmed when
/// they have ended, not before, since memory is given to others then.
class DrainTest {
    private static final long BASE = VhostUserMachine.DMA_BASE;
    private static final long USED = 0x2000;
    private static final long QUIET_MILLIS = 150;

    @TempDir private Path folder;
    private final Bench bench = new Bench();
    private FakeBackend backend;

    @BeforeEach
    void listen() {
        backend = new FakeBackend(folder.resolve("s")).start();
    }

    @AfterEach
    void close() throws Exception {
        bench.close();
        backend.close();
    }

    @Test
    void resetIsConfirmedWhenTheLastRequestHasEnded() {
        TestDriver driver = start(VhostUser.F_VERSION_1, Duration.ofSeconds(10));
        backend.taken = 2;
        assertThat(driver.reset(QUIET_MILLIS)).isFalse();
        usedIndex(1);
        assertThat(TestDriver.waitFor(QUIET_MILLIS, () -> driver.status() == 0)).isFalse();
        usedIndex(2);
        TestDriver.await(2_000, () -> driver.status() == 0);
        assertThat(connections()).isEqualTo(1);
    }

    @Test
    void ringThatDoesNotDrainIsProvedToBeStoppedByANewConnection() {
        TestDriver driver = start(VhostUser.F_VERSION_1, Duration.ofMillis(50));
        backend.taken = 1;
        assertThat(driver.reset(2_000)).isTrue();
        assertThat(connections()).isEqualTo(2);
        assertThat(backend.requests()).doesNotContain(Request.RESET_DEVICE);
    }

    @Test
    void packedRingWithRequestsInFlightIsProvedToBeStoppedByANewConnection() {
        TestDriver driver =
                start(VhostUser.F_VERSION_1 | VhostUser.F_RING_PACKED, Duration.ofSeconds(10));
        backend.taken = 1;
        assertThat(driver.reset(2_000)).isTrue();
        assertThat(connections()).isEqualTo(2);
    }

    @Test
    void packedRingWithNothingInFlightStopsAtOnce() {
        TestDriver driver =
                start(VhostUser.F_VERSION_1 | VhostUser.F_RING_PACKED, Duration.ofSeconds(10));
        assertThat(driver.reset(2_000)).isTrue();
        assertThat(connections()).isEqualTo(1);
    }

    @Test
    void detachGoesOnWhenANewConnectionHasProvedIt() {
        Limits limits = new Limits(Duration.ofSeconds(1), Duration.ofSeconds(10), Duration.ZERO);
        Attachment attachment = bench.attach(folder.resolve("s"), "blk", limits);
        go(bench.driver(attachment), VhostUser.F_VERSION_1);
        backend.taken = 1;
        attachment.quiet();
        TestDriver.await(2_000, () -> connections() == 2);
    }

    private TestDriver start(long features, Duration drain) {
        Limits limits = new Limits(Duration.ofSeconds(1), Duration.ofSeconds(10), drain);
        TestDriver driver = bench.driver(bench.attach(folder.resolve("s"), "blk", limits));
        go(driver, features);
        return driver;
    }

    private static void go(TestDriver driver, long features) {
        assertThat(driver.negotiate(features)).isTrue();
        driver.queue(0, 16, VirtioPci.NO_VECTOR, BASE, BASE + 0x1000, BASE + USED);
        driver.go();
        assertThat(driver.status() & VirtioPci.NEEDS_RESET).isZero();
    }

    private void usedIndex(int index) {
        bench.machine.ram().memory().set(ValueLayout.JAVA_SHORT, USED + 2, (short) index);
    }

    private int connections() {
        return Collections.frequency(backend.requests(), Request.SET_OWNER);
    }
}
