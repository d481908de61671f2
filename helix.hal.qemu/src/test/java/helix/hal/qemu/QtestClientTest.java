package helix.hal.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.machine.BusAccess;
import helix.posix.EventFd;
import helix.posix.PollSet;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The protocol, against a peer that does what a test says.
class QtestClientTest {
    private static final long ACCESS_MILLIS = 100;

    @TempDir private Path folder;
    private final BlockingQueue<String> events = new LinkedBlockingQueue<>();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong writes = new AtomicLong();
    private FakeQtest qemu;
    private QtestClient qtest;
    private BusAccess memory;
    private BusAccess ports;

    @BeforeEach
    void connect() {
        qemu = new FakeQtest(folder);
        connect(ACCESS_MILLIS);
    }

    private void connect(long accessMillis) {
        QtestClient.Listener listener =
                new QtestClient.Listener() {
                    @Override
                    public void stalled(String detail) {
                        events.add("stalled");
                    }

                    @Override
                    public void recovered() {
                        events.add("recovered");
                    }

                    @Override
                    public void gone(String detail) {
                        events.add("gone");
                    }
                };
        qtest = new QtestClient("fake", qemu.client(), listener, accessMillis);
        memory = QtestBus.memory(qtest, reads, writes);
        ports = QtestBus.ports(qtest, new AtomicLong());
    }

    @AfterEach
    void close() {
        qemu.close();
        qtest.close();
    }

    @Test
    void accessesAreLinesOfTheirWidth() throws InterruptedException {
        var read = CompletableFuture.supplyAsync(() -> memory.read64(0xFEDC_0000_1238L));
        assertThat(qemu.command()).isEqualTo("readq 0xfedc00001238");
        qemu.send("OK 0xfedcba9876543210\n");
        assertThat(read.join()).isEqualTo(0xFEDC_BA98_7654_3210L);

        var port = CompletableFuture.supplyAsync(() -> ports.read8(0));
        assertThat(qemu.command()).isEqualTo("inb 0x0");
        qemu.send("OK 0x00ff\n");
        assertThat(port.join()).isEqualTo((byte) 0xFF);

        memory.write8(1, (byte) -1);
        memory.write16(2, (short) -2);
        memory.write32(4, Integer.MIN_VALUE);
        memory.write64(8, -1);
        ports.write32(0xCF8, 0);
        assertThat(qemu.command()).isEqualTo("writeb 0x1 0xff");
        assertThat(qemu.command()).isEqualTo("writew 0x2 0xfffe");
        assertThat(qemu.command()).isEqualTo("writel 0x4 0x80000000");
        assertThat(qemu.command()).isEqualTo("writeq 0x8 0xffffffffffffffff");
        assertThat(qemu.command()).isEqualTo("outl 0xcf8 0x0");
        assertThat(reads).hasValue(1);
        assertThat(writes).hasValue(4);
    }

    @Test
    void replyMayComeInPieces() throws InterruptedException {
        var read = CompletableFuture.supplyAsync(() -> memory.read32(0x10));
        qemu.command();
        for (char c : "OK 0x00000000deadbeef\n".toCharArray()) {
            qemu.send(String.valueOf(c));
        }
        assertThat(read.join()).isEqualTo(0xDEAD_BEEF);
    }

    @Test
    void readWaitsForItsOwnReplyBehindThoseOfWrites() throws InterruptedException {
        memory.write32(0, 1);
        memory.write32(4, 2);
        var read = CompletableFuture.supplyAsync(() -> memory.read32(8));
        for (int i = 0; i < 3; i++) {
            qemu.command();
        }
        qemu.send("OK\nOK\nOK 0x0000000000000007\n");
        assertThat(read.join()).isEqualTo(7);
        assertThat(qtest.unread()).isZero();
    }

    @Test
    void atMost64RepliesAreLeftUnread() throws InterruptedException {
        for (int i = 0; i < QtestClient.MAX_UNREAD; i++) {
            memory.write32(0, i);
        }
        var next = CompletableFuture.runAsync(() -> memory.write32(0, -1));
        for (int i = 0; i < QtestClient.MAX_UNREAD; i++) {
            assertThat(qemu.command()).isEqualTo("writel 0x0 0x" + Integer.toHexString(i));
        }
        assertThat(next).isNotDone();
        assertThat(qemu.waiting()).isZero();
        qemu.send("OK\n".repeat(QtestClient.MAX_UNREAD));
        next.join();
        assertThat(qemu.command()).isEqualTo("writel 0x0 0xffffffff");
    }

    @Test
    void manyWritesFlowWhileRepliesCome() {
        qemu.answer(_ -> "OK\n");
        for (int i = 0; i < 1000; i++) {
            memory.write32(0, i);
        }
        assertThat(qtest.unread()).isLessThanOrEqualTo(QtestClient.MAX_UNREAD);
    }

    @Test
    void overdueReplyStallsUntilItComesAndIsDropped() throws InterruptedException {
        assertThatThrownBy(() -> memory.read32(0x1C))
                .isInstanceOf(DeviceTimeoutException.class)
                .hasMessageContaining("machine fake is stalled")
                .hasMessageContaining("100 ms");
        assertThat(events.poll(1, TimeUnit.SECONDS)).isEqualTo("stalled");
        assertThat(qemu.command()).isEqualTo("readl 0x1c");

        // Others fail at once and nothing more is sent.
        assertThatThrownBy(() -> memory.write32(0, 1)).isInstanceOf(DeviceTimeoutException.class);
        assertThatThrownBy(() -> memory.read32(0)).isInstanceOf(DeviceTimeoutException.class);
        assertThat(qemu.waiting()).isZero();

        qemu.send("OK 0x0000000000000bad\n");
        // Nobody accesses meanwhile: the recovery is noticed all the same.
        assertThat(events.poll(1, TimeUnit.SECONDS)).isEqualTo("recovered");
        qemu.answer(_ -> "OK 0x0000000000000042\n");
        assertThat(memory.read32(0)).isEqualTo(0x42);
    }

    @Test
    void stallLastsUntilAllOwedRepliesCame() throws InterruptedException {
        memory.write32(0, 1);
        assertThatThrownBy(() -> memory.read32(0)).isInstanceOf(DeviceTimeoutException.class);
        assertThat(events.poll(1, TimeUnit.SECONDS)).isEqualTo("stalled");
        qemu.send("OK\n");
        assertThat(events.poll(100, TimeUnit.MILLISECONDS)).isNull();
        qemu.send("OK 0x0000000000000bad\n");
        assertThat(events.poll(1, TimeUnit.SECONDS)).isEqualTo("recovered");
    }

    @Test
    void deadPeerIsAGoneDevice() throws InterruptedException {
        var read = CompletableFuture.supplyAsync(() -> memory.read32(0));
        qemu.command();
        qemu.close();
        assertThat(read)
                .failsWithin(1, TimeUnit.SECONDS)
                .withThrowableThat()
                .withCauseInstanceOf(DeviceGoneException.class);
        assertThat(events.poll(1, TimeUnit.SECONDS)).isEqualTo("gone");
        assertThatThrownBy(() -> memory.write32(0, 1)).isInstanceOf(DeviceGoneException.class);
    }

    @Test
    void peerThatDiesWhileStalledIsNoticed() throws InterruptedException {
        assertThatThrownBy(() -> memory.read32(0)).isInstanceOf(DeviceTimeoutException.class);
        assertThat(events.poll(1, TimeUnit.SECONDS)).isEqualTo("stalled");
        qemu.close();
        assertThat(events.poll(1, TimeUnit.SECONDS)).isEqualTo("gone");
    }

    @Test
    void refusalIsAnErrorOfTheAccess() throws InterruptedException {
        var read = CompletableFuture.supplyAsync(() -> memory.read32(0));
        qemu.command();
        qemu.send("FAIL Unknown command 'readl'\n");
        assertThat(read)
                .failsWithin(1, TimeUnit.SECONDS)
                .withThrowableThat()
                .withCauseInstanceOf(DeviceException.class)
                .withMessageContaining("FAIL Unknown command 'readl'");
        qemu.answer(_ -> "OK 0x0000000000000001\n");
        assertThat(memory.read32(0)).isEqualTo(1);
    }

    @Test
    void refusalOfAPostedWriteIsNotTheNextReadersFault() throws InterruptedException {
        memory.write32(0, 1);
        var read = CompletableFuture.supplyAsync(() -> memory.read32(8));
        qemu.command();
        qemu.command();
        qemu.send("FAIL no such place\nOK 0x0000000000000007\n");
        assertThat(read.join()).isEqualTo(7);
        assertThat(qtest.lost()).isEqualTo(1);
    }

    @Test
    void refusedIndexIsAnErrorOfTheAccessToItsData() {
        qemu.answer(command ->
                command.startsWith("outl") ? "FAIL no index\n" : "OK 0x0000000000000007\n");
        assertThatThrownBy(() ->
                        qtest.writeThenRead(
                                QtestCommand.OUTL, 0xCF8, 0, QtestCommand.INL, 0xCFC, reads))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("FAIL no index");
        assertThat(qtest.lost()).isZero();
    }

    @Test
    void interruptedThreadReadsItsReplyAllTheSame() throws InterruptedException {
        var read =
                CompletableFuture.supplyAsync(() -> {
                    Thread.currentThread().interrupt();
                    int value = memory.read32(0);
                    return Thread.interrupted() ? value : -1;
                });
        qemu.command();
        qemu.send("OK 0x0000000000000005\n");
        assertThat(read.join()).isEqualTo(5);
    }

    @Test
    void lineReportsComeBetweenRepliesAndSignal() throws InterruptedException {
        qemu.answer(_ -> "OK\n");
        QemuLines lines = new QemuLines("fake", qtest, ports);
        try (EventFd eventFd = EventFd.create();
                var _ = lines.connect(23, eventFd.fd())) {
            // Nobody accesses: the watcher reads.
            qemu.send("IRQ raise 23\n");
            assertThat(isSignalled(eventFd, 1000)).isTrue();
            assertThat(eventFd.drain()).isEqualTo(1);
            assertThat(lines.isRaised(23)).isTrue();

            qemu.answer(_ -> "IRQ lower 23\nIRQ raise 2\nOK 0x0000000000000009\nIRQ raise 23\n");
            assertThat(memory.read32(0)).isEqualTo(9);
            assertThat(isSignalled(eventFd, 1000)).isTrue();
            assertThat(lines.isRaised(2)).isTrue();
        }
        qemu.answer(_ -> "IRQ lower 23\nIRQ raise 23\nOK 0x0000000000000009\n");
        assertThat(memory.read32(0)).isEqualTo(9);
        assertThat(lines.isRaised(23)).isTrue();
    }

    private static boolean isSignalled(EventFd eventFd, long millis) {
        PollSet poll = new PollSet(1);
        poll.add(eventFd.fd());
        return poll.await(millis) > 0;
    }

    @Test
    void connectionToALineThatIsUpIsSignalledAtOnce() {
        qemu.answer(_ -> "OK\n");
        QemuLines lines = new QemuLines("fake", qtest, ports);
        try (EventFd first = EventFd.create();
                EventFd second = EventFd.create();
                var _ = lines.connect(5, first.fd())) {
            qemu.send("IRQ raise 5\n");
            assertThat(isSignalled(first, 1000)).isTrue();
            try (var _ = lines.connect(5, second.fd())) {
                assertThat(second.drain()).isEqualTo(1);
            }
        }
    }

    @Test
    void unknownLineIsRefused() {
        QemuLines lines = new QemuLines("fake", qtest, ports);
        assertThatThrownBy(() -> lines.connect(24, 0))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("no interrupt line 24");
    }
}
