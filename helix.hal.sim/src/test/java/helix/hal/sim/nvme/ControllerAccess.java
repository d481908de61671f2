package helix.hal.sim.nvme;

import java.lang.foreign.MemorySegment;

/// An NVMe controller as a script sees it: registers and memory, whoever answers.
interface ControllerAccess {
    /// Reads a property of BAR 0.
    long read(int offset, int width);

    /// Writes a property or doorbell of BAR 0.
    void write(int offset, int width, long value);

    /// Memory that the controller reaches.
    MemorySegment memory();

    /// The device address of the memory's first byte; it is page aligned.
    long address();

    /// Lets the controller work, a bounded time at most.
    void progress();
}
