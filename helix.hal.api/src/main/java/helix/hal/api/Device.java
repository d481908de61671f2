package helix.hal.api;

import org.osgi.annotation.versioning.ProviderType;

/// One piece of hardware on one bus, as an OSGi service. Its service properties, named by the
/// constants here and in the sub-interfaces, are its identity: matching a driver is an LDAP filter
/// over them.
///
/// Without a lease a device can be looked at, not changed. All methods may be called by any thread.
@ProviderType
public interface Device {
    /// Service property: the [#id()].
    String ID = "device.id";

    /// Service property: the [#bus()].
    String BUS = "device.bus";

    /// Service property: the name of the machine that the device belongs to.
    String MACHINE = "helix.machine";

    /// Service property: the NUMA node, an `Integer`, -1 where unknown.
    String NUMA = "device.numa";

    /// Service property: present where the platform itself uses the device; its value says for
    /// what. No driver is bound.
    String RESERVED = "device.reserved";

    /// The address, unique in this instance: `0000:00:04.0`, or a name such as `qemu.com1`.
    ///
    /// @return the device's id
    String id();

    /// The kind of bus: `pci`, `platform`, `virtio`, `usb`.
    ///
    /// @return a lower-case name
    String bus();

    /// The machine this device belongs to, such as `qemu`.
    ///
    /// @return the machine's name
    String machine();

    /// Whether the hardware is still there. Once false it stays false: a device plugged again is a
    /// new object.
    ///
    /// @return false after it was unplugged or its machine went away
    boolean isPresent();
}
