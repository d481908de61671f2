package helix.hal.internal.reset;

import helix.hal.api.Deadline;
import helix.hal.api.PciBar;
import helix.hal.api.machine.BusAccess;
import helix.hal.internal.pci.PciFunction;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/// A function's registers as a reset sees them: no lease is needed, the HAL is at work.
final class Registers {
    private static final long PAUSE_NANOS = 50_000;

    private final BusAccess access;
    private final long base;

    private Registers(BusAccess access, long base) {
        this.access = access;
        this.base = base;
    }

    /// The registers behind a BAR, decoded from now on.
    ///
    /// @return empty if the function has no such BAR with an address
    static Optional<Registers> of(PciFunction function, int index) {
        return function.bars().stream()
                .filter(b -> b.index() == index && b.address() != 0)
                .findFirst()
                .map(bar -> decoded(function, bar));
    }

    private static Registers decoded(PciFunction function, PciBar bar) {
        function.enableDecode(bar.kind());
        return new Registers(function.space(bar), bar.address());
    }

    int read8(long offset) {
        return access.read8(base + offset) & 0xFF;
    }

    int read32(long offset) {
        return access.read32(base + offset);
    }

    long read64(long offset) {
        return Integer.toUnsignedLong(read32(offset)) | (long) read32(offset + 4) << 32;
    }

    void write8(long offset, int value) {
        access.write8(base + offset, (byte) value);
    }

    void write32(long offset, int value) {
        access.write32(base + offset, value);
    }

    /// Asks until the condition holds.
    ///
    /// @return false if it did not by the deadline
    static boolean await(Deadline deadline, BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            if (deadline.isExpired()) {
                return false;
            }
            LockSupport.parkNanos(PAUSE_NANOS);
        }
        return true;
    }
}
