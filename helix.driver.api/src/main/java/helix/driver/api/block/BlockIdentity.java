package helix.driver.api.block;

/// Who a block device is, as it reports itself.
///
/// @param model the model, trimmed
/// @param serial the serial number, trimmed
/// @param firmware the firmware's revision, trimmed
/// @param namespace the namespace's number, 1 where the device knows no namespaces
/// @param uniqueId the globally unique id in hex (NGUID, EUI-64, WWN), empty if there is none
public record BlockIdentity(
        String model, String serial, String firmware, int namespace, String uniqueId) {
    /// What tells this medium from others, wherever it is plugged.
    ///
    /// @return model, serial number and namespace
    public String key() {
        return model + "/" + serial + "/" + namespace;
    }
}
