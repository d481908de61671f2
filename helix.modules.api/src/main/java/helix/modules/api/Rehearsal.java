package helix.modules.api;

import helix.hal.api.Deadline;
import helix.hal.api.DmaBuffer;
import helix.hal.api.MmioRegion;
import org.osgi.annotation.versioning.ProviderType;

/// Scratch memory and registers for [Module#rehearse]: they behave like a device's, but there is
/// none. All of it goes when the rehearsal ends. For the rehearsing thread alone.
@ProviderType
public interface Rehearsal {
    /// Memory, zeroed, with a device address that means nothing to any device.
    ///
    /// @param bytes at least 1
    /// @param alignment of its device address, a power of two
    /// @return the memory
    DmaBuffer memory(long bytes, long alignment);

    /// Registers that keep what is written.
    ///
    /// @param bytes at least 1
    /// @return a region of that size
    MmioRegion registers(long bytes);

    /// Until when the rehearsal should be over; it is broken off some time later.
    ///
    /// @return the deadline
    Deadline deadline();
}
