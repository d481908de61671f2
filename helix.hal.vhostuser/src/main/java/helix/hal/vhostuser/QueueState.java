package helix.hal.vhostuser;

import helix.hal.vhostuser.VirtioPci.Common;

/// What a driver has set up of a queue.
///
/// @param size how many entries
/// @param vector its MSI-X vector, or [VirtioPci#NO_VECTOR]
/// @param enabled whether the device may use it
/// @param desc device address of the descriptor area
/// @param driver device address of the driver area
/// @param device device address of the device area
record QueueState(int size, int vector, boolean enabled, long desc, long driver, long device) {
    /// After a reset.
    static QueueState initial(int maxSize) {
        return new QueueState(maxSize, VirtioPci.NO_VECTOR, false, 0, 0, 0);
    }

    QueueState size(int value) {
        return new QueueState(value, vector, enabled, desc, driver, device);
    }

    QueueState vector(int value) {
        return new QueueState(size, value, enabled, desc, driver, device);
    }

    QueueState enabled(boolean value) {
        return new QueueState(size, vector, value, desc, driver, device);
    }

    /// Half of one of the three addresses.
    int half(int offset) {
        long whole =
                switch (offset & ~7) {
                    case Common.QUEUE_DESC -> desc;
                    case Common.QUEUE_DRIVER -> driver;
                    default -> device;
                };
        return (int) ((offset & 4) == 0 ? whole : whole >>> 32);
    }

    /// Writes half of one of the three addresses.
    QueueState half(int offset, int value) {
        return switch (offset & ~7) {
            case Common.QUEUE_DESC ->
                    new QueueState(
                            size, vector, enabled, merge(desc, offset, value), driver, device);
            case Common.QUEUE_DRIVER ->
                    new QueueState(
                            size, vector, enabled, desc, merge(driver, offset, value), device);
            default ->
                    new QueueState(
                            size, vector, enabled, desc, driver, merge(device, offset, value));
        };
    }

    private static long merge(long whole, int offset, int value) {
        long bits = Integer.toUnsignedLong(value);
        return (offset & 4) == 0
                ? (whole & 0xFFFF_FFFF_0000_0000L) | bits
                : (whole & 0xFFFF_FFFFL) | (bits << 32);
    }
}
