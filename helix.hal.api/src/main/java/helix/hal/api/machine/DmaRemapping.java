package helix.hal.api.machine;

import org.osgi.annotation.versioning.ConsumerType;

/// A machine's IOMMU: which of the machine's DMA memory a function reaches. Where a machine has
/// one, a function reaches nothing until the HAL has mapped something into its domain; where it has
/// none, every function reaches all [Machine#dmaWindows()].
///
/// Device addresses are those of the windows, the same in every domain.
@ConsumerType
public interface DmaRemapping {
    /// The smallest piece that can be mapped alone.
    ///
    /// @return bytes, a power of two
    long granule();

    /// Gives a function a domain of its own, with nothing mapped.
    ///
    /// @param bus the function's bus
    /// @param devfn device and function
    /// @return the domain
    /// @throws helix.hal.api.DeviceException if it has one already
    Domain attach(int bus, int devfn);

    /// What one function reaches. Any thread may call it.
    @ConsumerType
    interface Domain extends AutoCloseable {
        /// Lets the function reach a piece of memory. A piece that is mapped already stays so.
        ///
        /// @param deviceAddress the first byte, a multiple of the granule
        /// @param size in bytes, a multiple of the granule
        /// @throws helix.hal.api.DeviceException if it lies outside the windows, or the machine
        ///   refuses
        void map(long deviceAddress, long size);

        /// Ends that. When it returns, no access to the piece is under way any more.
        ///
        /// @param deviceAddress as it was mapped
        /// @param size as it was mapped
        /// @throws helix.hal.api.DeviceTimeoutException if an access may still be under way
        void unmap(long deviceAddress, long size);

        /// Unmaps all and ends the domain. When it returns, no access is under way any more. A
        /// second call does nothing, unless the first one threw.
        ///
        /// @throws helix.hal.api.DeviceTimeoutException if an access may still be under way
        @Override
        void close();
    }
}
