package helix.driver.block.virtio;

import helix.hal.api.DeviceException;
import helix.modules.api.Agent;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Looks after the device now and then, and when its configuration changes.
final class Watch implements Agent {
    private static final Logger LOG = LoggerFactory.getLogger(Watch.class);

    /// How many rounds clients have to take their queues over: half a minute, about.
    private static final int CLAIM_ROUNDS = 300;

    private final BlkDevice device;
    private final BlkDisk disk;
    private final BiConsumer<String, DeviceException> failure;
    private boolean reported;
    private int rounds;

    /// @param failure told once when the device is given up
    Watch(BlkDevice device, BlkDisk disk, BiConsumer<String, DeviceException> failure) {
        this.device = device;
        this.disk = disk;
        this.failure = failure;
    }

    @Override
    public int doWork() {
        if (device.isOver() || device.isGone() || reported) {
            return 0;
        }
        if (device.fault() == null && device.look() && disk.resize()) {
            LOG.info("{}: has {} blocks now", device.hal().name(), disk.totalBlocks());
        }
        if (++rounds == CLAIM_ROUNDS) {
            rounds = 0;
            int closed = device.succession().closeUnclaimed();
            if (closed > 0) {
                LOG.warn("{}: queues that nobody took over: {}", device.hal().name(), closed);
            }
        }
        String fault = device.fault();
        if (fault != null) {
            reported = true;
            failure.accept(fault, new DeviceException(device.hal().name() + ": " + fault));
            return 1;
        }
        return 0;
    }
}
