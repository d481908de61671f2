package helix.hal.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class DevicePresenceTest {
    private final List<String> log = new ArrayList<>();
    private final DevicePresence presence =
            new DevicePresence(id -> log.add("came " + id), id -> log.add("gone " + id));
    private final Plain function = new Plain("function");

    @Test
    void aPlainDeviceComesAndGoesWithItsService() {
        presence.added(function);
        presence.withdrawn(function);
        presence.added(function);
        assertThat(log).containsExactly("came function", "gone function", "came function");
    }

    @Test
    void aDeviceWhoseBusDriverIsReplacedIsNotGone() {
        presence.added(function);
        presence.added(new Behind("disk", function, true));
        presence.withdrawn(new Behind("disk", function, true));
        presence.added(new Behind("disk", function, true));
        assertThat(log).containsExactly("came function", "came disk", "came disk");
    }

    @Test
    void aDeviceThatSaysItIsGoneIs() {
        presence.added(function);
        presence.added(new Behind("disk", function, true));
        presence.withdrawn(new Behind("disk", function, false));
        assertThat(log).endsWith("gone disk").hasSize(3);
    }

    @Test
    void whatIsBehindADeviceThatGoesIsGone() {
        Behind hub = new Behind("hub", function, true);
        Behind stick = new Behind("stick", hub, true);
        presence.added(function);
        presence.added(hub);
        presence.added(stick);
        presence.withdrawn(stick);
        presence.withdrawn(hub);
        log.clear();
        presence.withdrawn(function);
        assertThat(log).containsExactly("gone function", "gone hub", "gone stick");
    }

    @Test
    void andSoWhereThatGoesFirst() {
        Behind disk = new Behind("disk", function, true);
        presence.added(function);
        presence.added(disk);
        log.clear();
        presence.withdrawn(function);
        presence.withdrawn(disk);
        assertThat(log).containsExactly("gone function", "gone disk");
    }

    private record Plain(String id) implements Device {
        @Override
        public String bus() {
            return "pci";
        }

        @Override
        public String machine() {
            return "fake";
        }

        @Override
        public boolean isPresent() {
            return true;
        }
    }

    private record Behind(String id, Device above, boolean isPresent) implements ChildDevice {
        @Override
        public String bus() {
            return "usb";
        }

        @Override
        public String machine() {
            return "fake";
        }

        @Override
        public Lease parent() {
            return new Held(above);
        }

        @Override
        public boolean reset(Deadline deadline) {
            return true;
        }
    }

    private record Held(Device device) implements Lease {
        @Override
        public String owner() {
            return "bus gen 1";
        }

        @Override
        public long epoch() {
            return 1;
        }

        @Override
        public State state() {
            return State.VALID;
        }
    }
}
