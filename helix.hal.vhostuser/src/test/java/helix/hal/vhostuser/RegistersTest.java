package helix.hal.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.vhostuser.FakeBackend.Said;
import helix.hal.vhostuser.VhostUser.Request;
import helix.hal.vhostuser.VirtioPci.Bar;
import helix.hal.vhostuser.VirtioPci.Common;
import helix.posix.EventFd;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A function as HAL and driver see it, and what its back-end is told.
class RegistersTest {
    private static final long BASE = VhostUserMachine.DMA_BASE;

    @TempDir private Path folder;
    private final Bench bench = new Bench();
    private FakeBackend backend;
    private Attachment attachment;
    private TestDriver driver;

    @BeforeEach
    void attach() {
        backend = new FakeBackend(folder.resolve("s"));
        backend.queues = 2;
        backend.start();
        attachment = bench.attach(folder.resolve("s"), "blk", Bench.QUICK);
        driver = bench.driver(attachment);
    }

    @AfterEach
    void close() throws Exception {
        bench.close();
        backend.close();
    }

    @Test
    void whatIsLeftOutIsNotOffered() throws IOException {
        assertThat(driver.deviceFeatures()).isEqualTo(1L << 34 | VhostUser.F_VERSION_1);
        Path other = folder.resolve("t");
        try (FakeBackend second = new FakeBackend(other).start()) {
            Map<String, String> options = Map.of("path", other.toString(), "without", "34, 9");
            Attachment without = bench.attach("blk", Bench.QUICK, options);
            assertThat(bench.driver(without).deviceFeatures()).isEqualTo(VhostUser.F_VERSION_1);
            without.close();
            assertThat(second.said).isNotEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"32", "64", "-1", "x", "1,,2"})
    void whatCannotBeLeftOutIsSaid(String without) {
        Map<String, String> options = Map.of("path", "s", "without", without);
        assertThatThrownBy(() -> AttachOptions.of("a", "blk", options))
                .isInstanceOf(DeviceException.class)
                .hasMessageStartingWith("feature ");
    }

    /// 4.1.4: one of each structure, inside the BAR.
    @Test
    void capabilitiesNameAllStructures() {
        TreeMap<Integer, Integer> found = new TreeMap<>();
        int msix = 0;
        for (int at = driver.config(0x34, 1); at != 0; at = driver.config(at + 1, 1)) {
            if (driver.config(at, 1) == 0x11) {
                msix = at;
            } else {
                assertThat(driver.config(at, 1)).isEqualTo(0x09);
                found.put(driver.config(at + 3, 1), driver.config(at + 8, 4));
                assertThat(driver.config(at + 8, 4) + driver.config(at + 12, 4))
                        .isLessThanOrEqualTo(Bar.SIZE);
            }
        }
        assertThat(found.keySet()).containsExactly(1, 2, 3, 4, 5);
        assertThat(driver.config(msix + 2, 2)).isEqualTo(2);
        driver.config(VirtioFunction.BAR0, 4, -1);
        assertThat(driver.config(VirtioFunction.BAR0, 4)).isEqualTo(-Bar.SIZE);
    }

    @Test
    void wrongWidthsAreRefused() {
        assertThatThrownBy(() -> driver.read8(Common.QUEUE_SIZE))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("4.1.3.1");
        assertThatThrownBy(() -> driver.write32(Common.DEVICE_STATUS, 1))
                .isInstanceOf(DeviceException.class);
        assertThatThrownBy(() -> bench.machine.bus().write64(driver.address(32), 1))
                .isInstanceOf(DeviceException.class);
        assertThatThrownBy(() -> driver.read16(Bar.MSIX_TABLE)).isInstanceOf(DeviceException.class);
    }

    /// 3.1.1 step 5 and 2.2.2: what was not offered is not accepted; VERSION_1 must be.
    @Test
    void featuresThatAreNotAcceptableDoNotStick() {
        assertThat(driver.negotiate(VhostUser.F_VERSION_1 | 1L << 33)).isFalse();
        // Until it reads 0 it is not reset, and takes nothing.
        assertThat(driver.reset(1_000)).isTrue();
        assertThat(driver.negotiate(0)).isFalse();
        assertThat(driver.reset(1_000)).isTrue();
        assertThat(driver.negotiate(VhostUser.F_VERSION_1)).isTrue();
    }

    @Test
    void driverOkHandsTheRingsOver() {
        start(VhostUser.F_VERSION_1, VirtioPci.NO_VECTOR);
        TestDriver.await(1_000, () -> backend.requests().contains(Request.SET_VRING_ENABLE));
        List<Request> requests = backend.requests();
        assertThat(requests.subList(requests.indexOf(Request.SET_FEATURES), requests.size()))
                .containsExactly(
                        Request.SET_FEATURES,
                        Request.SET_MEM_TABLE,
                        Request.SET_VRING_NUM,
                        Request.SET_VRING_BASE,
                        Request.SET_VRING_ADDR,
                        Request.SET_VRING_ERR,
                        Request.SET_VRING_KICK,
                        Request.SET_VRING_CALL,
                        Request.SET_VRING_ENABLE);
        assertThat(said(Request.SET_FEATURES).payload().getLong(0))
                .isEqualTo(VhostUser.F_VERSION_1 | VhostUser.F_PROTOCOL_FEATURES);
        assertThat(said(Request.SET_MEM_TABLE).descriptors()).isEqualTo(1);
        assertThat(said(Request.SET_MEM_TABLE).payload().getLong(16)).isEqualTo(16 << 20);
        assertThat(said(Request.SET_VRING_KICK).descriptors()).isEqualTo(1);
        assertThat(said(Request.SET_VRING_CALL).descriptors()).isEqualTo(1);
        // Descriptor area, device area, driver area.
        assertThat(said(Request.SET_VRING_ADDR).payload().getLong(16)).isEqualTo(BASE + 0x2000);
        assertThat(said(Request.SET_VRING_ADDR).payload().getLong(24)).isEqualTo(BASE + 0x1000);
        assertThat(said(Request.SET_VRING_BASE).payload().getInt(4)).isZero();
    }

    @Test
    void packedRingsBeginWithTheirWrapCounters() {
        start(VhostUser.F_VERSION_1 | VhostUser.F_RING_PACKED, VirtioPci.NO_VECTOR);
        assertThat(said(Request.SET_VRING_BASE).payload().getInt(4)).isEqualTo(0x8000_8000);
    }

    @Test
    void queueOutsideOfMemoryIsNotStarted() {
        assertThat(driver.negotiate(VhostUser.F_VERSION_1)).isTrue();
        driver.queue(0, 16, VirtioPci.NO_VECTOR, BASE, BASE + 0x1000, BASE + (16 << 20) - 4);
        driver.go();
        assertThat(driver.status() & VirtioPci.NEEDS_RESET).isNotZero();
        assertThat(backend.requests()).doesNotContain(Request.SET_MEM_TABLE);
    }

    @Test
    void resetStopsEveryStartedRing() {
        start(VhostUser.F_VERSION_1, VirtioPci.NO_VECTOR);
        assertThat(driver.reset(1_000)).isTrue();
        assertThat(backend.requests())
                .endsWith(Request.GET_VRING_BASE, Request.RESET_DEVICE)
                .containsOnlyOnce(Request.GET_VRING_BASE);
        assertThat(driver.read16(Common.QUEUE_ENABLE)).isZero();
    }

    @Test
    void maskedVectorLatches() {
        Messages message = bench.machine.messages().allocate(1).orElseThrow();
        driver.message(1, message, true);
        driver.enableMessages();
        MsixTable vectors = attachment.function().vectors();
        try (EventFd arrived = EventFd.borrowed(message.eventFd(0))) {
            vectors.raise(1);
            assertThat(arrived.drain()).isZero();
            assertThat(driver.read32(Bar.PENDING)).isEqualTo(2);
            driver.message(1, message, false);
            assertThat(arrived.drain()).isEqualTo(1);
            assertThat(driver.read32(Bar.PENDING)).isZero();
            vectors.raise(1);
            assertThat(arrived.drain()).isEqualTo(1);
        }
    }

    @Test
    void vectorThatChangesWhileItRunsIsTold() {
        start(VhostUser.F_VERSION_1, 1);
        long before = calls();
        Messages message = bench.machine.messages().allocate(1).orElseThrow();
        driver.message(1, message, false);
        driver.enableMessages();
        TestDriver.await(1_000, () -> calls() > before);
    }

    @Test
    void awayForLongIsUnpluggedAndComesBackAsAnother() throws Exception {
        int number = attachment.deviceNumber();
        backend.close();
        TestDriver.await(2_000, () -> attachment.function() == null);
        assertThat(driver.config(0, 4)).isEqualTo(-1);
        assertThatThrownBy(() -> driver.status()).isInstanceOf(DeviceGoneException.class);
        backend = new FakeBackend(folder.resolve("s"));
        backend.queues = 2;
        backend.start();
        TestDriver.await(2_000, () -> attachment.function() != null);
        assertThat(attachment.deviceNumber()).isNotEqualTo(number);
    }

    @Test
    void featuresOkWaitsForAPeerThatIsAway() throws Exception {
        backend.close();
        Thread returning =
                Thread.ofPlatform()
                        .start(() -> {
                            backend = new FakeBackend(folder.resolve("s"));
                            backend.queues = 2;
                            backend.start();
                        });
        assertThat(driver.negotiate(VhostUser.F_VERSION_1)).isTrue();
        returning.join();
    }

    private void start(long features, int vector) {
        assertThat(driver.negotiate(features)).isTrue();
        driver.queue(0, 16, vector, BASE, BASE + 0x1000, BASE + 0x2000);
        driver.go();
        assertThat(driver.status() & VirtioPci.NEEDS_RESET).isZero();
    }

    private long calls() {
        return backend.said.stream().filter(s -> s.is(Request.SET_VRING_CALL)).count();
    }

    private Said said(Request request) {
        List<Said> all = new ArrayList<>(backend.said);
        return all.stream().filter(s -> s.is(request)).findFirst().orElseThrow();
    }
}
