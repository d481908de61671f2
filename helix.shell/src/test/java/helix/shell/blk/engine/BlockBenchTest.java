package helix.shell.blk.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import helix.block.api.Disk;
import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockException;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.QueueOptions.Completion;
import helix.driver.api.block.ScatterList;
import helix.driver.kit.MemoryBlockDevice;
import helix.shell.blk.engine.BenchOptions.Access;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlockBenchTest {
    /// Counts what a benchmark asks of it.
    private static final class Counting extends MemoryBlockDevice {
        final AtomicLong reads = new AtomicLong();
        final AtomicLong writes = new AtomicLong();
        volatile int result = BlockStatus.OK;

        Counting() {
            super(512, 16384);
        }

        @Override
        protected int perform(int op, int flags, long lba, int count, ScatterList list) {
            (op == BlockOp.READ ? reads : writes).incrementAndGet();
            int status = super.perform(op, flags, lba, count, list);
            return status == BlockStatus.OK ? result : status;
        }
    }

    private final Counting device = new Counting();

    @AfterEach
    void nothingIsLeft() {
        assertThat(device.queuesOpen()).isZero();
        assertThat(device.buffersInUse()).isZero();
    }

    private BenchOptions options(Access access, Completion completion) {
        return new BenchOptions(
                access,
                4096,
                32,
                Duration.ofMillis(100),
                Duration.ofMillis(100),
                1,
                completion,
                () -> device.reads.get() + device.writes.get(),
                () -> 3 * (device.reads.get() + device.writes.get()),
                () -> 2.5);
    }

    @ParameterizedTest
    @EnumSource(Access.class)
    void eachKindOfAccessDoesWhatItsNameSays(Access access) {
        BenchResult result = BlockBench.run(device, options(access, Completion.POLLED));

        assertThat(device.reads.get() > 0)
                .isEqualTo(access != Access.WRITE && access != Access.RANDWRITE);
        assertThat(device.writes.get() > 0).isEqualTo(access.writes());
        assertThat(result.ios()).isPositive();
        assertThat(result.errors()).isZero();
    }

    @ParameterizedTest
    @EnumSource(Completion.class)
    void theFiguresFitTogether(Completion completion) {
        BenchResult result = BlockBench.run(device, options(Access.RANDREAD, completion));

        assertThat(result.seconds()).isBetween(0.1, 5.0);
        assertThat(result.iops()).isEqualTo(result.ios() / result.seconds());
        assertThat(result.bytesPerSecond()).isEqualTo(result.iops() * 4096);
        assertThat(result.mmioPerIo()).as("one per request here").isEqualTo(1);
        assertThat(result.mmioRoundTripUs()).isEqualTo(2.5);
        BenchResult.Latency latency = result.latencyUs();
        assertThat(latency.p50()).isPositive().isLessThanOrEqualTo(latency.p99());
        assertThat(latency.p99()).isLessThanOrEqualTo(latency.p999());
        assertThat(latency.p999()).isLessThanOrEqualTo(latency.max());
        assertThat(result.depth()).isEqualTo(32);
    }

    @Test
    void nothingIsAllocatedPerRequest() {
        BenchResult result = BlockBench.run(device, options(Access.RANDRW, Completion.POLLED));
        assertThat(result.bytesAllocatedPerIo()).isLessThan(0.5);
    }

    @Test
    void theKeysOfItsJsonAreThoseThatScriptsRead() {
        String json =
                new Gson()
                        .toJson(
                                new BenchResult(
                                        1,
                                        new BenchResult.Latency(2, 3, 4, 5),
                                        0.25,
                                        0.5,
                                        7.0,
                                        60,
                                        70.0,
                                        8,
                                        9,
                                        0,
                                        10,
                                        32,
                                        11));
        assertThat(json)
                .startsWith(
                        "{\"iops\":1.0,\"latencyUs\":{\"p50\":2.0,\"p99\":3.0,\"p999\":4.0,"
                                + "\"max\":5.0},\"bytesAllocatedPerIo\":0.25,\"mmioPerIo\":0.5,"
                                + "\"mmioRoundTripUs\":7.0,\"driverNsPerIo\":60.0,\"modelNsPerIo\":70.0");
    }

    @Test
    void errorsAreCounted() {
        device.result = BlockStatus.MEDIA_ERROR;
        BenchResult result = BlockBench.run(device, options(Access.READ, Completion.POLLED));
        assertThat(result.errors()).isEqualTo(result.ios());
    }

    @Test
    void aDeviceThatGoesEndsTheBenchmark() {
        device.result = BlockStatus.DEVICE_GONE;
        assertThatThrownBy(() -> BlockBench.run(device, options(Access.READ, Completion.POLLED)))
                .isInstanceOf(BlockException.class);
    }

    @Test
    void requestsThatTheDeviceDoesNotTakeAreRefused() {
        assertThatThrownBy(() ->
                        BlockBench.run(
                                device,
                                new BenchOptions(
                                        Access.READ,
                                        1000,
                                        1,
                                        Duration.ofSeconds(1),
                                        Duration.ZERO,
                                        1,
                                        Completion.POLLED,
                                        null,
                                        null,
                                        null)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "requests of 1000 bytes; the device takes multiples of 512 up to 262144");
    }

    @Test
    void withoutCountersTheirFiguresAreNull() {
        BenchResult result =
                BlockBench.run(
                        device,
                        new BenchOptions(
                                Access.RANDREAD,
                                512,
                                1,
                                Duration.ofMillis(20),
                                Duration.ZERO,
                                1,
                                Completion.INTERRUPT,
                                null,
                                null,
                                null));
        assertThat(result.modelNsPerIo()).isNull();
        assertThat(result.driverNsPerIo()).isPositive();
        assertThat(result.mmioPerIo()).isNull();
        assertThat(result.mmioRoundTripUs()).isNull();
    }

    @ParameterizedTest
    @EnumSource(Disk.OpenMode.class)
    void writingNeedsExclusiveAccess(Disk.OpenMode mode) {
        BlockDevice access = opened(mode);
        if (mode == Disk.OpenMode.WRITE_EXCLUSIVE) {
            assertThat(BlockBench.run(access, options(Access.WRITE, Completion.POLLED)).ios())
                    .isPositive();
        } else {
            assertThatThrownBy(() ->
                            BlockBench.run(access, options(Access.RANDWRITE, Completion.POLLED)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "randwrite overwrites the disk and needs exclusive access to nvme0n1");
        }
    }

    /// The device as a disk that one user has opened.
    private BlockDevice opened(Disk.OpenMode mode) {
        Disk disk =
                proxy(
                        Disk.class,
                        (self, method, arguments) ->
                                method.getName().equals("name")
                                        ? "nvme0n1"
                                        : List.of(new Disk.User("test", mode)));
        return proxy(
                Disk.Access.class,
                (self, method, arguments) ->
                        method.getName().equals("disk") ? disk : method.invoke(device, arguments));
    }

    private static <T> T proxy(Class<T> type, InvocationHandler handler) {
        return type.cast(
                Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    @Test
    void namesOfAccess() {
        assertThat(Access.named("randread")).isEqualTo(Access.RANDREAD);
        assertThatThrownBy(() -> Access.named("trim"))
                .hasMessage("trim is none of randread, randwrite, read, write, randrw");
    }
}
