package helix.driver.net.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import helix.driver.api.net.FramePool;
import helix.driver.api.net.NetQueueOptions;
import helix.driver.api.net.NetworkDevice;
import helix.driver.api.net.RxQueue;
import helix.driver.api.net.TxQueue;
import helix.modules.api.ModuleState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/// A driver on a card in memory, driven by the test's thread.
final class Fixture implements AutoCloseable {
    static final Settings SETTINGS =
            new Settings(
                    Duration.ofMillis(500),
                    Duration.ofMillis(100),
                    Duration.ofMillis(100),
                    Duration.ofMillis(100),
                    8,
                    1024);

    final FakeNic nic;
    TestContext context;

    /// Doorbells are plain memory: the device is told by the test.
    boolean silent;

    VirtioNetDriver driver;
    final List<FramePool> pools = new ArrayList<>();

    Fixture(long features) {
        this(features, 1, 64);
    }

    Fixture(long features, int pairs, int queueSize) {
        nic = new FakeNic(features, pairs, queueSize);
        context = new TestContext(nic.device, nic.machine.lease(), false);
        driver = create();
    }

    private VirtioNetDriver create() {
        return new VirtioNetDriver(
                platform ->
                        new DeviceHal(
                                platform.name(),
                                silent ? new SilentDevice(nic.device) : nic.device,
                                platform.lease(),
                                nic.machine,
                                nic.machine),
                SETTINGS);
    }

    Fixture start() {
        driver.init(context);
        driver.start();
        return this;
    }

    NetworkDevice device() {
        return driver.device();
    }

    FramePool pool(int frames) {
        return pool(frames, 2048);
    }

    FramePool pool(int frames, int frameSize) {
        FramePool pool = new FramePool(device().allocate((long) frames * frameSize), frameSize);
        pools.add(pool);
        return pool;
    }

    RxQueue rx(FramePool pool) {
        return device().openRx(new NetQueueOptions(0, 16, false, true), pool);
    }

    TxQueue tx(FramePool pool) {
        return device().openTx(new NetQueueOptions(0, 16, false, true), pool);
    }

    /// What the driver leaves to the next generation.
    ModuleState save() {
        return driver.saveState().orElseThrow();
    }

    /// A new generation takes over.
    void adopt(ModuleState state) {
        context = new TestContext(nic.device, nic.machine.pass(), true);
        driver = create();
        driver.init(context);
        driver.restoreState(state);
        driver.start();
    }

    @Override
    public void close() {
        if (context.lease().isValid() && context.failures.isEmpty()) {
            driver.stop();
        }
        AssertionError complaint = nic.device.complaint();
        nic.close();
        assertThat(complaint).as("what the device complained of").isNull();
    }
}
