package helix.driver.block.virtio;

import helix.hal.api.DeviceException;
import helix.modules.api.ModuleError;
import java.time.Duration;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// What one generation of the driver consists of, and how it begins and ends: brought up from a
/// reset, or taken over from the generation before while the device works.
///
/// @param device the device
/// @param disk what is published
/// @param watch what looks after it
/// @param serial as the device says, empty if it has none
record Generation(BlkDevice device, BlkDisk disk, Watch watch, String serial) {
    private static final Logger LOG = LoggerFactory.getLogger(Generation.class);
    private static final Duration PLAIN_CALL_LIMIT = Duration.ofSeconds(1);

    private static Generation of(
            BlkDevice device, String serial, BiConsumer<String, DeviceException> failure) {
        BlkDisk disk = new BlkDisk(device, serial);
        return new Generation(device, disk, new Watch(device, disk, failure), serial);
    }

    /// Resets the device and brings it up.
    ///
    /// @param failure told when it is given up later
    static Generation bringUp(
            Hal hal, Settings settings, BiConsumer<String, DeviceException> failure) {
        BlkDevice device = new BlkDevice(hal, settings);
        return of(device, SerialNumber.ask(device), failure);
    }

    /// Takes over a device at work.
    ///
    /// @param failure told when it is given up later
    /// @throws ModuleError if the state does not fit this code or this device
    static Generation takeOver(
            Hal hal,
            Settings settings,
            BlkState saved,
            BiConsumer<String, DeviceException> failure) {
        try {
            BlkDevice device = new BlkDevice(hal, settings, saved);
            Generation generation = of(device, saved.serial(), failure);
            device.succession().restoreClients(generation.disk, saved);
            return generation;
        } catch (DeviceException | IllegalArgumentException e) {
            throw new ModuleError(hal.name() + ": cannot be taken over: " + e.getMessage(), e);
        }
    }

    /// Leaves the device to the next generation, while clients are parked and the watch is out.
    /// After that nothing of this generation touches registers or rings any more.
    ///
    /// @return what the next generation needs; empty if the device must be reset instead
    Optional<BlkState> handOver() {
        if (!disk.plainCalls().pause(PLAIN_CALL_LIMIT)) {
            LOG.info("{}: cannot be handed over: a call has not ended", device.hal().name());
            return Optional.empty();
        }
        try {
            return device.succession().handOver(serial);
        } finally {
            disk.plainCalls().resume();
        }
    }
}
