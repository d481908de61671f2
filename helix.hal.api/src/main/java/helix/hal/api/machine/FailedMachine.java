package helix.hal.api.machine;

import helix.hal.api.DeviceException;
import java.util.List;
import java.util.Optional;

/// A machine that did not start: there to be seen, with its reason.
///
/// @param name as [Machine#name()]
/// @param status FAILED and why
public record FailedMachine(String name, Status status) implements Machine {
    @Override
    public Optional<PciHost> pci() {
        return Optional.empty();
    }

    @Override
    public Optional<BusAccess> ports() {
        return Optional.empty();
    }

    @Override
    public List<DmaWindow> dmaWindows() {
        return List.of();
    }

    @Override
    public MessageInterrupts messages() {
        return new MessageInterrupts() {
            @Override
            public Optional<Messages> allocate(int count) {
                return Optional.empty();
            }

            @Override
            public int available() {
                return 0;
            }
        };
    }

    @Override
    public InterruptLines lines() {
        return new InterruptLines() {
            @Override
            public Subscription connect(int line, int eventFd) {
                throw new DeviceException(
                        "machine " + name + " has no interrupt lines: " + status.detail());
            }

            @Override
            public boolean isRaised(int line) {
                return false;
            }
        };
    }

    @Override
    public List<PlatformResource> platformDevices() {
        return List.of();
    }

    @Override
    public Subscription listen(Listener listener) {
        return () -> {};
    }

    @Override
    public Counters counters() {
        return new Counters(0, 0, 0, 0);
    }
}
