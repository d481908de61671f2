package helix.modules.internal;

import helix.hal.api.ChildDevice;
import helix.hal.api.Deadline;
import helix.hal.api.Device;
import helix.hal.api.Lease;
import java.util.Hashtable;

/// A device that a bus driver has found, of a kind that the probe driver drives too.
record FakeChild(String id, Lease parent) implements ChildDevice {
    Hashtable<String, Object> properties() {
        Hashtable<String, Object> properties = new Hashtable<>();
        properties.put(Device.ID, id);
        properties.put(Device.BUS, bus());
        properties.put(Device.MACHINE, machine());
        properties.put("pci.class", "010802");
        return properties;
    }

    @Override
    public String bus() {
        return "fakebus";
    }

    @Override
    public String machine() {
        return "fake";
    }

    @Override
    public boolean isPresent() {
        return true;
    }

    @Override
    public boolean reset(Deadline deadline) {
        return true;
    }
}
