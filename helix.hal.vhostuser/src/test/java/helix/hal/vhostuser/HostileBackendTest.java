package helix.hal.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.Deadline;
import helix.hal.vhostuser.Attachment.Limits;
import helix.hal.vhostuser.FakeBackend.Misdeed;
import helix.hal.vhostuser.VhostUser.Request;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// A back-end that answers what it must not, hangs up or says nothing: at every step the device has
/// a clear reason, and the machine goes on.
class HostileBackendTest {
    private static final Limits LIMITS =
            new Limits(Duration.ofMillis(60), Duration.ofSeconds(10), Duration.ofMillis(60));
    private static final long BASE = VhostUserMachine.DMA_BASE;

    @TempDir private Path folder;
    private final Bench bench = new Bench();
    private FakeBackend backend;

    @BeforeEach
    void listen() {
        backend = new FakeBackend(folder.resolve("s"));
    }

    @AfterEach
    void close() throws Exception {
        bench.close();
        backend.close();
    }

    static Stream<Arguments> handshakes() {
        return Stream.of(
                        Request.GET_FEATURES,
                        Request.GET_PROTOCOL_FEATURES,
                        Request.GET_QUEUE_NUM,
                        Request.GET_CONFIG)
                .flatMap(r ->
                        Stream.of(Misdeed.values())
                                .filter(m -> m != Misdeed.NONE)
                                .filter(m -> m != Misdeed.WRONG_CONTENT)
                                .map(m -> Arguments.of(r, m)));
    }

    @ParameterizedTest
    @MethodSource("handshakes")
    void handshakeFailsWithAReasonAndSucceedsLater(Request victim, Misdeed misdeed) {
        backend.victim = victim;
        backend.misdeed = misdeed;
        backend.start();
        Attachment attachment = bench.attach(folder.resolve("s"), "blk", LIMITS);
        TestDriver.await(2_000, () -> attachment.trouble().contains(victim.name()));
        assertThat(attachment.function()).isNull();
        backend.misdeed = Misdeed.NONE;
        assertThat(attachment.awaitFunction(Deadline.afterMillis(2_000))).isTrue();
    }

    @Test
    void impossibleNumberOfQueuesIsRefused() {
        backend.queues = 1_000_000;
        backend.start();
        Attachment attachment = bench.attach(folder.resolve("s"), "blk", LIMITS);
        TestDriver.await(2_000, () -> attachment.trouble().contains("1000000 queues"));
        assertThat(attachment.function()).isNull();
    }

    @Test
    void legacyBackendIsRefused() {
        backend.features = VhostUser.F_PROTOCOL_FEATURES;
        backend.start();
        Attachment attachment = bench.attach(folder.resolve("s"), "blk", LIMITS);
        TestDriver.await(2_000, () -> attachment.trouble().contains("VIRTIO_F_VERSION_1"));
    }

    @ParameterizedTest
    @EnumSource(
            value = Request.class,
            names = {
                "SET_FEATURES",
                "SET_MEM_TABLE",
                "SET_VRING_NUM",
                "SET_VRING_BASE",
                "SET_VRING_ADDR",
                "SET_VRING_ERR",
                "SET_VRING_KICK",
                "SET_VRING_CALL",
                "SET_VRING_ENABLE"
            })
    void startThatIsRefusedNeedsAReset(Request victim) {
        backend.start();
        TestDriver driver = bench.driver(bench.attach(folder.resolve("s"), "blk", LIMITS));
        backend.victim = victim;
        backend.misdeed = Misdeed.WRONG_CONTENT;
        go(driver);
        TestDriver.await(1_000, () -> (driver.status() & VirtioPci.NEEDS_RESET) != 0);
        backend.misdeed = Misdeed.NONE;
        // The same process answers on a new connection: the old one is over.
        assertThat(driver.reset(2_000)).isTrue();
        go(driver);
        assertThat(driver.status() & VirtioPci.NEEDS_RESET).isZero();
    }

    /// Any step, any misdeed: what the driver sees is a device that needs a reset or one that runs,
    /// and afterwards the machine works as ever.
    @RepeatedTest(25)
    void anythingAnywhere(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        backend.start();
        TestDriver driver = bench.driver(bench.attach(folder.resolve("s"), "blk", LIMITS));
        Request[] victims = Request.values();
        Misdeed[] misdeeds = Misdeed.values();
        backend.victim = victims[random.nextInt(victims.length)];
        backend.misdeed = misdeeds[1 + random.nextInt(misdeeds.length - 1)];
        go(driver);
        boolean confirmed = driver.reset(200);
        backend.misdeed = Misdeed.NONE;
        TestDriver.await(2_000, () -> driver.status() == 0);
        go(driver);
        assertThat(driver.status())
                .as("%s %s confirmed=%s", backend.victim, backend.misdeed, confirmed)
                .isEqualTo(
                        TestDriver.ACKNOWLEDGE
                                | TestDriver.DRIVER
                                | VirtioPci.FEATURES_OK
                                | VirtioPci.DRIVER_OK);
    }

    private static void go(TestDriver driver) {
        assertThat(driver.negotiate(VhostUser.F_VERSION_1)).isTrue();
        driver.queue(0, 16, VirtioPci.NO_VECTOR, BASE, BASE + 0x1000, BASE + 0x2000);
        driver.go();
    }
}
