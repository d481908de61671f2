package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.modules.api.ModuleError;
import helix.modules.api.ModuleState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/// A driver on a fake controller, driven by the test's thread alone unless a test says otherwise.
final class Fixture implements AutoCloseable {
    final FakeHal hal = new FakeHal();
    final FakeNvme nvme = hal.nvme;
    final FakeCommands commands = nvme.commands;
    FakeContext context = new FakeContext(hal, false);
    final AtomicLong time = new AtomicLong(1_000_000);
    Settings settings =
            Settings.standard()
                    .withTimeouts(
                            Duration.ofSeconds(30), Duration.ofSeconds(2), Duration.ofMillis(300))
                    .withClock(time::get);
    NvmeDriver driver;
    boolean running;

    Fixture start() {
        init();
        driver.start();
        running = true;
        return this;
    }

    NvmeDriver init() {
        driver = create();
        driver.init(context);
        return driver;
    }

    private NvmeDriver create() {
        return new NvmeDriver(hal.device, hal, hal, hal, hal, settings);
    }

    /// What the driver leaves to the next generation, as the platform asks for it.
    ModuleState save() {
        context.agents.clear();
        return driver.saveState().orElseThrow();
    }

    /// A new generation takes over, without a look at the registers; it has not started yet.
    void adopt(ModuleState state) {
        hal.pass();
        context = new FakeContext(hal, true);
        NvmeDriver next = create();
        int accesses = nvme.mmioAccesses;
        try {
            next.init(context);
            next.restoreState(state);
        } finally {
            assertThat(nvme.mmioAccesses).as("register accesses").isEqualTo(accesses);
        }
        driver = next;
    }

    /// One generation after the other.
    void handOver() {
        adopt(save());
        driver.start();
    }

    /// The queue as the present generation gives it.
    BlockQueue follow(BlockQueue old) {
        BlockQueue next = disk().adoptQueue(old.handle());
        assertThat(next).as("adopted queue").isNotNull();
        return next;
    }

    BlockDevice disk(int nsid) {
        BlockDevice disk = context.published.get("nvme0n" + nsid);
        assertThat(disk).as("nvme0n" + nsid).isNotNull();
        return disk;
    }

    BlockDevice disk() {
        return disk(1);
    }

    /// Lets the driver's agents run, as the platform would.
    void runAgents() {
        try {
            for (int i = 0; i < 4; i++) {
                for (var agent : List.copyOf(context.agents.values())) {
                    agent.doWork();
                }
            }
        } catch (ModuleError e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    void advance(Duration by) {
        time.addAndGet(by.toNanos());
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

    void stop() {
        running = false;
        context.agents.clear();
        context.published.clear();
        driver.stop();
    }

    @Override
    public void close() {
        if (running && !driver.health().detail().contains("GONE")) {
            stop();
        }
        hal.close();
    }
}
