package helix.modules.api;

import java.util.Set;

/// Who a module is.
///
/// @param name the driver's short name: `nvme`
/// @param description what it drives, in a few words
/// @param version the revision of its bundle
/// @param flags what is special about it
public record ModuleInfo(
        String name, String description, ModuleVersion version, Set<ModuleFlags> flags) {}
