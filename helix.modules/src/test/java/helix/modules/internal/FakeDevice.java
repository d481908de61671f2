package helix.modules.internal;

import helix.hal.api.Device;
import helix.hal.api.PciAddress;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.PciDevice;
import java.util.Hashtable;
import java.util.List;
import java.util.Optional;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceRegistration;

/// A PCI function without hardware.
final class FakeDevice implements PciDevice {
    private final PciAddress address;
    private final int vendor;
    private final int product;
    private final int classCode;
    volatile boolean present = true;
    ServiceRegistration<?> registration;

    FakeDevice(String address, int vendor, int product, int classCode) {
        this.address = PciAddress.parse(address);
        this.vendor = vendor;
        this.product = product;
        this.classCode = classCode;
    }

    static FakeDevice nvme(String address) {
        return new FakeDevice(address, 0x1b36, 0x10, 0x010802);
    }

    FakeDevice register(BundleContext context) {
        String[] types = {PciDevice.class.getName(), Device.class.getName()};
        registration = context.registerService(types, this, properties());
        return this;
    }

    Hashtable<String, Object> properties() {
        Hashtable<String, Object> properties = new Hashtable<>();
        properties.put(Device.ID, id());
        properties.put(Device.BUS, bus());
        properties.put(Device.MACHINE, machine());
        properties.put(VENDOR, "%04x".formatted(vendor));
        properties.put(DEVICE, "%04x".formatted(product));
        properties.put(CLASS, "%06x".formatted(classCode));
        return properties;
    }

    void unplug() {
        present = false;
        registration.unregister();
    }

    @Override
    public String id() {
        return address.toString();
    }

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
        return present;
    }

    @Override
    public PciAddress address() {
        return address;
    }

    @Override
    public int vendorId() {
        return vendor;
    }

    @Override
    public int deviceId() {
        return product;
    }

    @Override
    public int subsystemVendorId() {
        return 0;
    }

    @Override
    public int subsystemId() {
        return 0;
    }

    @Override
    public int classCode() {
        return classCode;
    }

    @Override
    public int revisionId() {
        return 0;
    }

    @Override
    public List<PciBar> bars() {
        return List.of();
    }

    @Override
    public List<PciCapability> capabilities() {
        return List.of();
    }

    @Override
    public Optional<PciAddress> parent() {
        return Optional.empty();
    }

    @Override
    public int readConfig8(int offset) {
        return 0xFF;
    }

    @Override
    public int readConfig16(int offset) {
        return 0xFFFF;
    }

    @Override
    public int readConfig32(int offset) {
        return -1;
    }

    @Override
    public int configSize() {
        return 256;
    }
}
