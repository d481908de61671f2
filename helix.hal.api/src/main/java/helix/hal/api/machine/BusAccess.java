package helix.hal.api.machine;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/// An address space of a machine: memory or ports. Each call is exactly one access of its width,
/// little endian. A write may be posted: it is done before any later access of any thread through
/// the same machine, but the call may return sooner.
///
/// Every access has a deadline of the machine's own. Errors: [helix.hal.api.DeviceTimeoutException]
/// if the machine did not answer in time, [helix.hal.api.DeviceGoneException] if it ended.
@ConsumerType
public interface BusAccess {
    /// Reads 8 bits.
    ///
    /// @param address in this space
    /// @return the value
    byte read8(long address);

    /// Reads 16 bits.
    ///
    /// @param address in this space, a multiple of 2
    /// @return the value
    short read16(long address);

    /// Reads 32 bits.
    ///
    /// @param address in this space, a multiple of 4
    /// @return the value
    int read32(long address);

    /// Reads 64 bits; not for ports.
    ///
    /// @param address in this space, a multiple of 8
    /// @return the value
    long read64(long address);

    /// Writes 8 bits.
    ///
    /// @param address in this space
    /// @param value the value
    void write8(long address, byte value);

    /// Writes 16 bits.
    ///
    /// @param address in this space, a multiple of 2
    /// @param value the value
    void write16(long address, short value);

    /// Writes 32 bits.
    ///
    /// @param address in this space, a multiple of 4
    /// @param value the value
    void write32(long address, int value);

    /// Writes 64 bits; not for ports.
    ///
    /// @param address in this space, a multiple of 8
    /// @param value the value
    void write64(long address, long value);

    /// Registers as memory, where plain loads and stores reach them.
    ///
    /// @param address the first byte
    /// @param size how many bytes
    /// @return the mapped registers, valid as long as the machine; empty where accesses are calls
    default Optional<MemorySegment> map(long address, long size) {
        return Optional.empty();
    }
}
