package helix.hal.api;

import org.osgi.annotation.versioning.ProviderType;

/// The revocable, exclusive right of one generation of a driver to one device: its registers, its
/// interrupts, and what its DMA may reach. The HAL's services act on it; only the binder obtains
/// and ends it.
///
/// Once it is revoked, every handle made from it (regions, vectors, lease-owned memory) throws
/// [LeaseRevokedException] or `IllegalStateException`, and it never becomes valid again.
@ProviderType
public interface Lease {
    /// The state of a lease.
    enum State {
        /// The holder may use the device.
        VALID,
        /// Handles throw; the device is being reset.
        REVOKED,
        /// The device is reset and everything returned.
        RELEASED,
        /// The device did not confirm its reset: what its DMA may still reach stays out of use.
        QUARANTINED,
        /// The right is the next generation's; the device was not reset and goes on. What this
        /// lease's holder still has throws, or soon will.
        PASSED
    }

    /// The device.
    ///
    /// @return the device this right is for
    Device device();

    /// Who holds it, as messages name it: `nvme@0000:00:04.0 gen 3`.
    ///
    /// @return the holder's name
    String owner();

    /// The number of this right among those ever granted for the device, counted from 1.
    ///
    /// @return the generation
    long epoch();

    /// Where it is in its life.
    ///
    /// @return the state now
    State state();

    /// Whether the holder may use the device.
    ///
    /// @return true until it is revoked
    default boolean isValid() {
        return state() == State.VALID;
    }
}
