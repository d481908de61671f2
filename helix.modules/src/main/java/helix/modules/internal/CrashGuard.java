package helix.modules.internal;

/// Somebody who has a better answer to a crash than a restart: a revision that is on probation is
/// rolled back, for instance.
@FunctionalInterface
interface CrashGuard {
    /// Asked when a run has failed that nobody wanted to end, on the thread that ended it; to
    /// return soon. The device has been reset by then or is quarantined.
    ///
    /// @param run what has ended
    /// @return true if self-heal is to leave the device alone, whose next generation is the guard's
    ///   to begin
    boolean takesCare(ModuleRun run);
}
