package helix.driver.kit.net;

import java.util.EnumSet;
import java.util.Set;

/// A [MemoryNetworkDevice] with planted [faults][NetFault], for tests of those who look for such.
public final class FaultyNetworkDevice extends MemoryNetworkDevice {
    private final Set<NetFault> faults = EnumSet.noneOf(NetFault.class);

    /// Makes a device without a fault.
    public FaultyNetworkDevice() {
        // As the device in memory is.
    }

    /// Plants a fault.
    ///
    /// @param fault which
    /// @return this
    public FaultyNetworkDevice plant(NetFault fault) {
        faults.add(fault);
        return this;
    }

    @Override
    boolean does(NetFault fault) {
        return faults.contains(fault);
    }
}
