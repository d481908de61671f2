package helix.hal.sim.virtio;

import java.lang.foreign.MemorySegment;

/// Who answers a [Host]: a model of this bundle, or another implementation of the same device. It
/// is asked for nothing but what a driver sees: registers and memory.
interface Target {
    /// Reads a register of the BAR that holds the structures: common configuration at 0, ISR at
    /// 0x1000, device configuration at 0x2000, notifications at 0x3000, 4 bytes apart.
    long read(int offset, int width);

    void write(int offset, int width, long value);

    /// Memory that the device reaches.
    MemorySegment memory();

    /// The device address of its first byte.
    long base();

    /// Returns when the device has nothing left to do, as far as that can be known.
    void settle();
}
