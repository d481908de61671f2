package helix.hal.internal.device;

import helix.hal.api.PlatformDevice;
import helix.hal.api.machine.Machine;
import java.util.List;
import java.util.Optional;

/// A device that its machine described.
public final class PlatformHardware implements PlatformDevice, HalDevice {
    private final MachineContext context;
    private final Machine.PlatformResource resource;
    private volatile boolean gone;

    /// Makes the device of a description.
    public PlatformHardware(MachineContext context, Machine.PlatformResource resource) {
        this.context = context;
        this.resource = resource;
    }

    @Override
    public String id() {
        return machine() + "." + resource.name();
    }

    @Override
    public String bus() {
        return "platform";
    }

    @Override
    public String machine() {
        return context.name();
    }

    @Override
    public boolean isPresent() {
        return !gone && !context.isGone();
    }

    @Override
    public void markGone() {
        gone = true;
    }

    @Override
    public MachineContext context() {
        return context;
    }

    @Override
    public Optional<String> reservation() {
        return Optional.empty();
    }

    @Override
    public String pnpId() {
        return resource.pnpId();
    }

    @Override
    public List<PortRange> ports() {
        return List.copyOf(resource.ports());
    }

    @Override
    public List<Integer> lines() {
        return List.copyOf(resource.lines());
    }

    @Override
    public String toString() {
        return id();
    }
}
