package helix.modules.api;

import java.time.Duration;

/// What an agent's thread does when there is no work.
///
/// @param spins how many empty rounds are made before the first pause
/// @param pause how long it then waits, unless woken up
public record Idle(int spins, Duration pause) {
    /// Looks after something slow: pauses between rounds.
    ///
    /// @param period how long
    /// @return the strategy
    public static Idle every(Duration period) {
        return new Idle(0, period);
    }
}
