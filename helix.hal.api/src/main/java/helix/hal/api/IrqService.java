package helix.hal.api;

import java.util.Optional;
import java.util.Set;
import org.osgi.annotation.versioning.ProviderType;

/// Gives the holder of a lease the device's interrupts.
@ProviderType
public interface IrqService {
    /// Takes interrupt vectors and enables them in the device: MSI-X if it can, else MSI, else the
    /// line. All vectors are masked by [IrqVectors#mask(int)] until they have a handler.
    ///
    /// @param lease a valid lease; it may hold one set of vectors at a time
    /// @param min the fewest vectors that will do, at least 1; with more than 1 a line does not
    ///   serve
    /// @param max the most that are wanted
    /// @param kinds the kinds that will do
    /// @return the vectors, usable until closed or the lease is revoked
    /// @throws DeviceException if the device or machine cannot give that many, naming both numbers
    IrqVectors allocate(Lease lease, int min, int max, Set<IrqKind> kinds);

    /// Takes over the vectors of the generation before, whose lease was passed on: the same kind
    /// and number, enabled in the device as they are, without handlers. Each is raised once when it
    /// gets its handler, because the last wake-up may have gone to the handler before.
    ///
    /// @param lease a valid lease that was passed on to its holder
    /// @return the vectors, empty if the generation before had none
    /// @throws DeviceException if they were taken over already
    Optional<IrqVectors> adopt(Lease lease);
}
