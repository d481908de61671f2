package helix.driver.block.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.hal.api.Lease;
import helix.modules.api.ModuleState;
import helix.virtio.VirtioFeature;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/// A driver on a fake device, driven by the test's thread alone unless a test says otherwise.
final class Fixture implements AutoCloseable {
    static final long USUAL =
            Blk.F_FLUSH
                    | Blk.F_SEG_MAX
                    | Blk.F_BLK_SIZE
                    | Blk.F_MQ
                    | Blk.F_DISCARD
                    | Blk.F_WRITE_ZEROES
                    | VirtioFeature.RING_INDIRECT_DESC
                    | VirtioFeature.RING_EVENT_IDX;

    final FakeMedia media;
    final AtomicLong time = new AtomicLong(1_000_000);
    Settings settings =
            new Settings(
                    Duration.ofSeconds(10),
                    Duration.ofMillis(300),
                    Duration.ofMillis(100),
                    time::get);
    FakeContext context;
    VirtioBlockDriver driver;

    Fixture(long features, int... queueSizes) {
        media = new FakeMedia(features, 1 << 16, queueSizes);
        media.number(12, 126, 4); // seg_max
        media.number(20, 512, 4); // blk_size
        media.number(36, 1 << 20, 4); // max_discard_sectors
        media.number(48, 1 << 20, 4); // max_write_zeroes_sectors
    }

    static Fixture usual() {
        return new Fixture(USUAL, 128, 128, 128);
    }

    Fixture start() {
        init();
        driver.start();
        return this;
    }

    VirtioBlockDriver init() {
        context = new FakeContext(media.device, media.machine.lease(), false);
        driver = create();
        driver.init(context);
        return driver;
    }

    VirtioBlockDriver create() {
        return new VirtioBlockDriver(
                platform ->
                        new DeviceHal(
                                platform.name(),
                                media.device,
                                platform.lease(),
                                media.machine,
                                media.machine),
                settings);
    }

    BlockDevice disk() {
        return context.disk();
    }

    /// Lets the driver's agents run, as the platform would, with so much time between.
    void watch(Duration between, int times) {
        for (int i = 0; i < times; i++) {
            time.addAndGet(between.toNanos());
            context.runAgents();
        }
    }

    /// What the driver leaves to the next generation, as the platform asks for it.
    ModuleState save() {
        context.agents.clear();
        return driver.saveState().orElseThrow();
    }

    /// A new generation takes over and starts.
    void adopt(ModuleState state) {
        Lease next = media.machine.pass();
        context = new FakeContext(media.device, next, true);
        driver = create();
        driver.init(context);
        driver.restoreState(state);
        driver.start();
    }

    /// The queue as the present generation gives it.
    BlockQueue follow(BlockQueue old) {
        BlockQueue next = disk().adoptQueue(old.handle());
        assertThat(next).as("adopted queue").isNotNull();
        return next;
    }

    /// Polls until a number of requests ended.
    ///
    /// @return `tag:status` in the order of arrival
    static List<String> drain(BlockQueue queue, int count) {
        List<String> ended = new ArrayList<>();
        long end = System.nanoTime() + 5_000_000_000L;
        while (ended.size() < count && System.nanoTime() - end < 0) {
            queue.kick();
            queue.poll((tag, status) -> ended.add(tag + ":" + BlockStatus.text(status)), 1000);
        }
        return ended;
    }

    /// What the platform does after a failure: the device is reset, the lease over.
    void release(Lease.State state) {
        media.machine.end(state);
    }

    @Override
    public void close() {
        assertThat(media.device.complaint()).isNull();
        media.machine.close();
        media.device.close();
    }
}
