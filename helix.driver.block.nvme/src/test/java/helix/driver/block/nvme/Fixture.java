package helix.driver.block.nvme;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.modules.api.ModuleError;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/// A driver on a fake controller, driven by the test's thread alone unless a test says otherwise.
final class Fixture implements AutoCloseable {
    final FakeHal hal = new FakeHal();
    final FakeNvme nvme = hal.nvme;
    final FakeCommands commands = nvme.commands;
    final FakeContext context = new FakeContext(hal);
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
        driver = new NvmeDriver(hal.device, hal, hal, hal, hal, settings);
        driver.init(context);
        return driver;
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
