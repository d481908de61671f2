package helix.hal.vhostuser;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.vhostuser.Attachment.Limits;
import helix.hal.vhostuser.VirtioPci.Bar;
import helix.hal.vhostuser.VirtioPci.Common;
import helix.posix.EventFd;
import helix.posix.PollSet;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A real back-end: QEMU's vhost-user-blk export.
class StorageDaemonTest {
    private static final long SIZE = 64L << 20;
    private static final int QUEUE = 16;
    private static final long SEG_MAX = 1L << 2;
    private static final Limits LIMITS =
            new Limits(Duration.ofMillis(700), Duration.ofSeconds(3), Duration.ofSeconds(1));

    @TempDir private Path folder;
    private Path socket;
    private final Bench bench = new Bench();
    private StorageDaemon daemon;

    @BeforeEach
    void start() throws IOException {
        socket = folder.resolve("blk.sock");
        daemon = new StorageDaemon(socket, SIZE, 2);
    }

    @AfterEach
    void stop() {
        bench.close();
        if (daemon != null) {
            daemon.close();
        }
    }

    @Test
    void isAVirtioBlockFunctionWithItsCapacity() {
        TestDriver driver = bench.driver(bench.attach(socket, "blk", LIMITS));
        assertThat(driver.config(0, 4)).isEqualTo(0x1042_1AF4);
        assertThat(driver.read32(Bar.DEVICE)).isEqualTo((int) (SIZE / 512));
        assertThat(driver.read32(Bar.DEVICE + 4)).isZero();
        assertThat(driver.read16(Common.NUM_QUEUES)).isEqualTo(2);
        assertThat(driver.deviceFeatures() & VhostUser.F_VERSION_1).isNotZero();
        assertThat(driver.deviceFeatures() & VhostUser.F_PROTOCOL_FEATURES).isZero();
    }

    @Test
    void readsABlockAndInterrupts() {
        TestDriver driver = bench.driver(bench.attach(socket, "blk", LIMITS));
        Messages message = bring(driver);
        assertThat(readOne(driver, 0, message)).isZero();
        assertThat(readOne(driver, 1, message)).isZero();
    }

    @Test
    void resetStopsTheRingsAndTheyStartAgain() {
        TestDriver driver = bench.driver(bench.attach(socket, "blk", LIMITS));
        Messages message = bring(driver);
        assertThat(readOne(driver, 0, message)).isZero();
        assertThat(driver.reset(2_000)).isTrue();
        message.close();
        message = bring(driver);
        assertThat(readOne(driver, 0, message)).isZero();
    }

    @Test
    void deadBackendAsksForAResetWhichItsDeathConfirms() throws IOException {
        Attachment attachment = bench.attach(socket, "blk", LIMITS);
        TestDriver driver = bench.driver(attachment);
        Messages message = bring(driver);
        daemon.close();
        TestDriver.await(1_000, () -> (driver.status() & VirtioPci.NEEDS_RESET) != 0);
        assertThat(arrived(message)).isTrue();
        assertThat(driver.reset(500)).isTrue();
        daemon = new StorageDaemon(socket, SIZE, 2);
        message.close();
        message = bring(driver);
        assertThat(readOne(driver, 0, message)).isZero();
    }

    @Test
    void hangingBackendDoesNotConfirmUntilItGoesOn() throws Exception {
        TestDriver driver = bench.driver(bench.attach(socket, "blk", LIMITS));
        Messages message = bring(driver);
        daemon.signal("STOP");
        assertThat(driver.reset(1_500)).isFalse();
        daemon.signal("CONT");
        TestDriver.await(3_000, () -> driver.status() == 0);
        message.close();
        message = bring(driver);
        assertThat(readOne(driver, 0, message)).isZero();
    }

    @Test
    void anotherSizeIsAnotherDevice() throws IOException {
        Attachment attachment = bench.attach(socket, "blk", LIMITS);
        TestDriver before = bench.driver(attachment);
        int number = attachment.deviceNumber();
        daemon.close();
        daemon = new StorageDaemon(socket, 2 * SIZE, 2);
        TestDriver.await(3_000, () -> attachment.deviceNumber() != number);
        assertThat(before.config(0, 4)).isEqualTo(-1);
        TestDriver after = bench.driver(attachment);
        assertThat(after.read32(Bar.DEVICE)).isEqualTo((int) (2 * SIZE / 512));
    }

    /// Brings queue 0 up, its interrupts on vector 1 and config changes on vector 0, both by one
    /// message.
    private Messages bring(TestDriver driver) {
        assertThat(driver.negotiate(VhostUser.F_VERSION_1 | SEG_MAX)).isTrue();
        Messages message = bench.machine.messages().allocate(1).orElseThrow();
        driver.message(0, message, false);
        driver.message(1, message, false);
        driver.enableMessages();
        driver.write16(Common.CONFIG_MSIX_VECTOR, 0);
        bench.machine.ram().memory().asSlice(0, 0x10000).fill((byte) 0);
        long base = VhostUserMachine.DMA_BASE;
        driver.queue(0, QUEUE, 1, base, base + 0x1000, base + 0x2000);
        driver.go();
        return message;
    }

    /// Virtio 1.2, 5.2.6: reads sector 0.
    ///
    /// @return the request's status byte
    private int readOne(TestDriver driver, int nth, Messages message) {
        MemorySegment ram = bench.machine.ram().memory();
        long base = VhostUserMachine.DMA_BASE;
        ram.asSlice(0x3000, 16).fill((byte) 0);
        ram.asSlice(0x4000, 512).fill((byte) 7);
        ram.set(JAVA_BYTE, 0x5000, (byte) 0xFF);
        descriptor(ram, 0, base + 0x3000, 16, 1, 1);
        descriptor(ram, 1, base + 0x4000, 512, 3, 2);
        descriptor(ram, 2, base + 0x5000, 1, 2, 0);
        ram.set(JAVA_SHORT, 0x1004 + 2L * nth, (short) 0);
        ram.set(JAVA_SHORT, 0x1002, (short) (nth + 1));
        driver.doorbell(0);
        // A back-end may interrupt for no reason, for instance when it starts a ring.
        do {
            assertThat(arrived(message)).isTrue();
        } while (ram.get(JAVA_SHORT, 0x2002) != (short) (nth + 1));
        assertThat(ram.get(JAVA_BYTE, 0x4000)).isZero();
        return ram.get(JAVA_BYTE, 0x5000);
    }

    private static void descriptor(
            MemorySegment ram, int index, long address, int length, int flags, int next) {
        ram.set(JAVA_LONG, 16L * index, address);
        ram.set(JAVA_INT, 16L * index + 8, length);
        ram.set(JAVA_SHORT, 16L * index + 12, (short) flags);
        ram.set(JAVA_SHORT, 16L * index + 14, (short) next);
    }

    private static boolean arrived(Messages message) {
        PollSet set = new PollSet(1);
        set.add(message.eventFd(0));
        if (set.await(2_000) == 0) {
            return false;
        }
        try (EventFd eventFd = EventFd.borrowed(message.eventFd(0))) {
            return eventFd.drain() > 0;
        }
    }
}
