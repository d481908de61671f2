package helix.driver.block.nvme;

import java.time.Duration;
import java.util.function.LongSupplier;

/// Limits and wishes. Tests shorten them.
///
/// @param ioTimeout how old an I/O command may become before it is aborted
/// @param abortGrace how long an aborted command has to end before the controller is reset
/// @param adminTimeout how long an admin command may take
/// @param recoveryAdminTimeout the same while the controller is brought up again, on an agent that
///   may not stay away for a second
/// @param watchPeriod how often timeouts and the controller's health are looked at
/// @param maxPairs the most I/O queue pairs to ask for
/// @param shadowDoorbells whether to use shadow doorbells where the controller offers them
/// @param nanoTime the clock of timeouts
record Settings(
        Duration ioTimeout,
        Duration abortGrace,
        Duration adminTimeout,
        Duration recoveryAdminTimeout,
        Duration watchPeriod,
        int maxPairs,
        boolean shadowDoorbells,
        LongSupplier nanoTime) {
    /// System property: `true` to use shadow doorbells. See docs/nvme.md for when they help.
    static final String SHADOW_DOORBELLS = "helix.nvme.shadowDoorbells";

    /// System property: how old an I/O command may become, in milliseconds.
    static final String IO_TIMEOUT = "helix.nvme.ioTimeoutMillis";

    /// What a driver uses outside of tests.
    static Settings standard() {
        return new Settings(
                Duration.ofMillis(Long.getLong(IO_TIMEOUT, 30_000)),
                Duration.ofSeconds(2),
                Duration.ofSeconds(5),
                Duration.ofMillis(200),
                Duration.ofMillis(100),
                16,
                Boolean.getBoolean(SHADOW_DOORBELLS),
                System::nanoTime);
    }

    Settings withTimeouts(Duration io, Duration grace, Duration admin) {
        return new Settings(
                io,
                grace,
                admin,
                recoveryAdminTimeout,
                watchPeriod,
                maxPairs,
                shadowDoorbells,
                nanoTime);
    }

    Settings withShadowDoorbells(boolean use) {
        return new Settings(
                ioTimeout,
                abortGrace,
                adminTimeout,
                recoveryAdminTimeout,
                watchPeriod,
                maxPairs,
                use,
                nanoTime);
    }

    Settings withClock(LongSupplier clock) {
        return new Settings(
                ioTimeout,
                abortGrace,
                adminTimeout,
                recoveryAdminTimeout,
                watchPeriod,
                maxPairs,
                shadowDoorbells,
                clock);
    }
}
