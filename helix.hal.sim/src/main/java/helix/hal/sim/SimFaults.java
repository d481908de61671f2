package helix.hal.sim;

import helix.hal.sim.api.DmaPort;
import java.time.Duration;
import java.util.function.Consumer;

/// What can go wrong with any device. Each lasts until it is used up or [#end()] is called.
public final class SimFaults {
    private final SimFunction function;

    SimFaults(SimFunction function) {
        this.function = function;
    }

    private void change(Consumer<FunctionFaults> change) {
        boolean _ =
                function.locked(faults -> {
                    change.accept(faults);
                    return true;
                });
        function.wake();
    }

    /// The next interrupts are lost: messages, or the interrupt pin going up.
    ///
    /// @param count how many
    public void dropInterrupts(long count) {
        change(f -> f.dropInterrupts = count);
    }

    /// Interrupts come that nothing is behind, one each time the device looks for work.
    ///
    /// @param vector which message, where messages are enabled
    /// @param count how many
    public void interruptStorm(int vector, long count) {
        change(f -> {
            f.storm = count;
            f.stormVector = vector;
        });
    }

    /// The device is off the bus for a while: reads give all ones, writes are lost, it does
    /// nothing.
    ///
    /// @param time how long
    public void allOnes(Duration time) {
        change(f -> {
            f.silent = true;
            f.silentUntil = function.nanos() + time.toNanos();
        });
    }

    /// Function level and bus resets do nothing.
    ///
    /// @param stuck whether it is so
    public void stuckReset(boolean stuck) {
        change(f -> f.stuckReset = stuck);
    }

    /// After a reset the device is off the bus for a while.
    ///
    /// @param time how long, 0 to end it
    public void lateReset(Duration time) {
        change(f -> f.lateReset = time.toNanos());
    }

    /// The device looks for work now and then only.
    ///
    /// @param pause how long it waits in between, 0 to end it
    public void slow(Duration pause) {
        change(f -> {
            f.slow = pause.toNanos();
            f.nextLook = function.nanos();
        });
    }

    /// Has the device write ones to memory, which a driver did not ask for.
    ///
    /// @param address the device address of the first byte
    /// @param length in bytes
    /// @return whether it got through
    public boolean strayDma(long address, long length) {
        return function.locked(_ -> {
            long offset = function.dma().translate(address, length, true);
            if (offset == DmaPort.REFUSED) {
                return false;
            }
            function.dma().memory().asSlice(offset, length).fill((byte) -1);
            return true;
        });
    }

    /// Ends all of these.
    public void end() {
        change(FunctionFaults::clear);
    }

    @Override
    public String toString() {
        return "faults of " + function;
    }
}
