package helix.driver.api.net;

/// Counters of a network device since its driver's generation began.
///
/// @param rxFrames frames received
/// @param rxBytes their bytes
/// @param rxErrors frames that came and could not be delivered: malformed, or of a device that
///   broke the rules
/// @param rxNoBuffer how often the device had no free frame to receive into
/// @param txFrames frames sent
/// @param txBytes their bytes
/// @param txErrors frames that could not be sent
/// @param interrupts interrupts handled
/// @param doorbells notifications written
public record NetworkStatistics(
        long rxFrames,
        long rxBytes,
        long rxErrors,
        long rxNoBuffer,
        long txFrames,
        long txBytes,
        long txErrors,
        long interrupts,
        long doorbells) {}
