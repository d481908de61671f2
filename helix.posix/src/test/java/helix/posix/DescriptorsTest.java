package helix.posix;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Descriptors of each kind, and how they go from process to process.
class DescriptorsTest {
    @TempDir private Path folder;

    @Test
    void eventFdCountsSignals() {
        try (EventFd eventFd = EventFd.create()) {
            assertThat(eventFd.drain()).isZero();
            eventFd.signal();
            EventFd.signal(eventFd.fd());
            assertThat(eventFd.drain()).isEqualTo(2);
            assertThat(eventFd.drain()).isZero();
        }
    }

    @Test
    void closedEventFdIsSilent() {
        EventFd eventFd = EventFd.create();
        eventFd.close();
        eventFd.close();
        eventFd.signal();
        assertThat(eventFd.drain()).isZero();
    }

    @Test
    void pollSetTellsWhichIsReady() {
        try (EventFd first = EventFd.create();
                EventFd second = EventFd.create()) {
            PollSet poll = new PollSet(2);
            int a = poll.add(first.fd());
            int b = poll.add(second.fd());
            assertThat(poll.await(0)).isZero();
            second.signal();
            assertThat(poll.await(1000)).isEqualTo(1);
            assertThat(poll.isReady(a)).isFalse();
            assertThat(poll.isReady(b)).isTrue();
            assertThatThrownBy(() -> poll.add(1)).isInstanceOf(IllegalStateException.class);
            poll.clear();
            assertThat(poll.add(second.fd())).isZero();
            assertThat(poll.await(0)).isEqualTo(1);
        }
    }

    @Test
    void pollSetWaitsNoLongerThanAsked() {
        try (EventFd never = EventFd.create()) {
            PollSet poll = new PollSet(1);
            poll.add(never.fd());
            long start = System.nanoTime();
            assertThat(poll.await(30)).isZero();
            assertThat(System.nanoTime() - start).isGreaterThan(25_000_000);
        }
    }

    @Test
    void pollSetWakesFromAnotherThread() {
        try (EventFd eventFd = EventFd.create()) {
            PollSet poll = new PollSet(1);
            poll.add(eventFd.fd());
            var waiting = CompletableFuture.supplyAsync(() -> poll.await(5000));
            eventFd.signal();
            assertThat(waiting.join()).isEqualTo(1);
        }
    }

    @Test
    void sharedMemoryIsSeenByPath() throws IOException {
        try (SharedMemory memory = SharedMemory.create("helix-test", 8192);
                Arena arena = Arena.ofConfined()) {
            MemorySegment mapped = memory.map(arena);
            assertThat(mapped.byteSize()).isEqualTo(8192);
            mapped.set(JAVA_LONG, 4096, 0x1122_3344_5566_7788L);
            Path path = Path.of("/proc/self/fd/" + memory.fd());
            try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
                file.seek(4096);
                assertThat(Long.reverseBytes(file.readLong())).isEqualTo(0x1122_3344_5566_7788L);
                file.seek(0);
                file.writeByte(7);
            }
            assertThat(mapped.get(JAVA_BYTE, 0)).isEqualTo((byte) 7);
        }
    }

    @Test
    void mappingOutlivesTheDescriptorAndAScopeEnds() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment mapped;
            try (SharedMemory memory = SharedMemory.create("helix-test", 4096)) {
                mapped = memory.map(arena);
            }
            MemorySegment scoped;
            try (Arena narrow = Arena.ofShared()) {
                scoped = Mapping.scoped(mapped, narrow);
                scoped.set(JAVA_BYTE, 1, (byte) 9);
            }
            assertThat(mapped.get(JAVA_BYTE, 1)).isEqualTo((byte) 9);
            assertThatThrownBy(() -> scoped.get(JAVA_BYTE, 1))
                    .isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void refusedCallsNameTheCallAndTheError() {
        assertThatThrownBy(() -> UnixSocket.connect(folder.resolve("nobody")))
                .isInstanceOf(PosixException.class)
                .hasMessageContaining("connect(")
                .hasMessageContaining("ENOENT");
        assertThatThrownBy(() -> SharedMemory.create("helix-test", -1))
                .isInstanceOf(PosixException.class)
                .hasMessageContaining("EINVAL");
        assertThatThrownBy(() -> UnixSocket.listen(Path.of("/" + "x".repeat(120))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("107 bytes");
    }
}
