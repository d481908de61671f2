package helix.driver.kit.net;

import helix.driver.api.net.NetworkDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Collects cases, and holds what all of them need.
final class NetCases {
    private final NetworkDeviceKit.Setup setup;
    private final List<NetworkDeviceKit.Case> cases = new ArrayList<>();

    NetCases(NetworkDeviceKit.Setup setup) {
        this.setup = setup;
    }

    List<NetworkDeviceKit.Case> all() {
        return List.copyOf(cases);
    }

    NetworkDeviceKit.Setup setup() {
        return setup;
    }

    /// A case on a device.
    void add(String name, @Nullable String skip, Consumer<NetworkDevice> body) {
        cases.add(
                new NetworkDeviceKit.Case(
                        name, Optional.ofNullable(skip), () -> body.accept(setup.device().get())));
    }

    /// A case on a pair of queues, which has to leave no frame anywhere but in its pools.
    void addLane(String name, @Nullable String skip, Consumer<Lane> body) {
        add(
                name,
                skip,
                device -> {
                    Lane lane = new Lane(device, setup, 4 * setup.depth());
                    boolean passed = false;
                    try {
                        body.accept(lane);
                        passed = true;
                    } finally {
                        lane.close(passed);
                    }
                });
    }

    void addLane(String name, Consumer<Lane> body) {
        addLane(name, null, body);
    }

    // ---- What cases assert

    static void that(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }

    static void equal(long expected, long actual, String what) {
        if (expected != actual) {
            throw new AssertionError(what + ": expected " + expected + ", was " + actual);
        }
    }

    static void illegal(String what, Runnable call) {
        try {
            call.run();
        } catch (IllegalArgumentException expected) {
            that(expected.getMessage() != null, what + ": the exception says nothing");
            return;
        }
        throw new AssertionError(what + " was taken");
    }
}
