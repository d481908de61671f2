package helix.modules.api;

/// What is special about a module.
public enum ModuleFlags {
    /// It can hand its device over to the next generation without a reset.
    WARM_RELOAD,
    /// It publishes further devices.
    BUS,
    /// It must not be stopped while others use it.
    CRITICAL
}
