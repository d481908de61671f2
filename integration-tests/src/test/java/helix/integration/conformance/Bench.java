package helix.integration.conformance;

import helix.hal.api.machine.Machine;

/// A machine with the devices that the scripts are for.
interface Bench extends AutoCloseable {
    /// The machine.
    Machine machine();

    /// Lets its devices work where they do not by themselves.
    default void work() {
        Thread.onSpinWait();
    }

    @Override
    void close();
}
