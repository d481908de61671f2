package helix.hal.sim.api;

import java.lang.foreign.MemorySegment;
import org.osgi.annotation.versioning.ProviderType;

/// Memory as a function reaches it: through the machine's IOMMU, with bus mastering on.
///
/// The fast way is [#translate] and plain accesses to [#memory()]; the order of accesses towards
/// the driver is the model's business: what makes others visible is written with release mode, what
/// is polled is read with acquire mode.
@ProviderType
public interface DmaPort {
    /// What [#translate] answers where an access is refused.
    long REFUSED = -1;

    /// All memory of the machine. Only offsets from [#translate] may be used.
    ///
    /// @return little endian memory, always the same
    MemorySegment memory();

    /// Where a range of device addresses lies, if the function may access it now. A refused access
    /// is counted, reported as an IOMMU fault with function, address and direction, and touches
    /// nothing. The answer holds until the model's method returns.
    ///
    /// @param address the device address of the first byte
    /// @param length in bytes, more than 0
    /// @param write whether the device writes
    /// @return the offset in [#memory()], or [#REFUSED]
    long translate(long address, long length, boolean write);

    /// Copies from memory.
    ///
    /// @param address the device address of the first byte
    /// @param to takes as many bytes as it has
    /// @return false if it was refused; then nothing was copied
    default boolean read(long address, MemorySegment to) {
        long offset = translate(address, to.byteSize(), false);
        if (offset == REFUSED) {
            return false;
        }
        MemorySegment.copy(memory(), offset, to, 0, to.byteSize());
        return true;
    }

    /// Copies to memory.
    ///
    /// @param address the device address of the first byte
    /// @param from the bytes
    /// @return false if it was refused; then nothing was copied
    default boolean write(long address, MemorySegment from) {
        long offset = translate(address, from.byteSize(), true);
        if (offset == REFUSED) {
            return false;
        }
        MemorySegment.copy(from, 0, memory(), offset, from.byteSize());
        return true;
    }
}
