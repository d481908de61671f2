package helix.shell.pci;

import com.google.gson.annotations.SerializedName;
import helix.hal.api.DeviceException;
import helix.hal.api.PciAddress;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.PciDevice;
import helix.modules.api.binder.Binder.ModuleStatus;
import helix.shell.Binding;
import helix.shell.Platform;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A PCI function as `helix:lspci` shows it. Ids are lower-case hex.
///
/// @param address `DDDD:BB:DD.F`
/// @param vendor vendor id
/// @param device device id
/// @param classCode class code, six digits
/// @param revision revision id
/// @param subsystemVendor subsystem vendor id
/// @param subsystem subsystem id
/// @param className the class in words
/// @param vendorName null if not known here
/// @param deviceName null if not known here
/// @param machine the machine it belongs to
/// @param parent the bridge it is behind, null on a root bus
/// @param driver null when unbound
/// @param module its module's name, null when unbound
/// @param state its module's state, null when there never was one
/// @param reason why its module failed, or what it says of its health
/// @param reserved what the platform itself uses it for, null for others
/// @param interrupt its interrupt pin and line, null without one
/// @param bars what it decodes
/// @param capabilities what it offers
public record PciFunction(
        String address,
        String vendor,
        String device,
        @SerializedName("class") String classCode,
        String revision,
        String subsystemVendor,
        String subsystem,
        String className,
        @Nullable String vendorName,
        @Nullable String deviceName,
        String machine,
        @Nullable String parent,
        @Nullable String driver,
        @Nullable String module,
        @Nullable String state,
        @Nullable String reason,
        @Nullable String reserved,
        @Nullable Interrupt interrupt,
        List<Bar> bars,
        List<Capability> capabilities) {
    private static final int INTERRUPT_LINE = 0x3C;

    /// Interrupt Pin and Interrupt Line. PCI Local Bus 3.0, section 6.2.4.
    ///
    /// @param pin `a` to `d`
    /// @param line what firmware wrote there
    public record Interrupt(String pin, int line) {}

    /// A base address register.
    ///
    /// @param index which
    /// @param kind `io`, `memory32` or `memory64`
    /// @param prefetchable whether reads have no side effects
    /// @param address in hex
    /// @param size in bytes
    public record Bar(int index, String kind, boolean prefetchable, String address, long size) {
        static Bar of(PciBar bar) {
            return new Bar(
                    bar.index(),
                    bar.kind().name().toLowerCase(Locale.ROOT),
                    bar.prefetchable(),
                    Long.toHexString(bar.address()),
                    bar.size());
        }
    }

    /// A capability.
    ///
    /// @param id in hex
    /// @param name in words
    /// @param offset in hex
    /// @param extended whether it is in the extended list
    public record Capability(String id, String name, String offset, boolean extended) {
        static Capability of(PciCapability capability) {
            boolean extended = capability.extended();
            return new Capability(
                    (extended ? "%04x" : "%02x").formatted(capability.id()),
                    PciNames.capability(capability.id(), extended),
                    (extended ? "%03x" : "%02x").formatted(capability.offset()),
                    extended);
        }
    }

    /// The functions of all machines.
    ///
    /// @param platform where to look
    /// @return by address
    public static List<PciFunction> all(Platform platform) {
        List<ModuleStatus> modules = platform.modules();
        return platform.devices().stream()
                .filter(e -> e.device() instanceof PciDevice)
                .sorted(Comparator.comparing(e -> ((PciDevice) e.device()).address()))
                .map(e -> of((PciDevice) e.device(), e.reserved(), modules))
                .toList();
    }

    private static PciFunction of(
            PciDevice pci, @Nullable String reserved, List<ModuleStatus> modules) {
        String vendor = hex4(pci.vendorId());
        String device = hex4(pci.deviceId());
        String classCode = "%06x".formatted(pci.classCode());
        Binding binding = Binding.of(pci.id(), modules);
        return new PciFunction(
                pci.address().toString(),
                vendor,
                device,
                classCode,
                "%02x".formatted(pci.revisionId()),
                hex4(pci.subsystemVendorId()),
                hex4(pci.subsystemId()),
                PciNames.classOf(classCode),
                PciNames.vendor(vendor),
                PciNames.device(vendor, device),
                pci.machine(),
                pci.parent().map(PciAddress::toString).orElse(null),
                binding.driver(),
                binding.module(),
                binding.state(),
                binding.reason(),
                reserved,
                interrupt(pci),
                pci.bars().stream().map(Bar::of).toList(),
                pci.capabilities().stream().map(Capability::of).toList());
    }

    private static String hex4(int id) {
        return "%04x".formatted(id);
    }

    private static @Nullable Interrupt interrupt(PciDevice pci) {
        try {
            int value = pci.readConfig16(INTERRUPT_LINE);
            int pin = value >> 8;
            return pin == 0 || pin > 4
                    ? null
                    : new Interrupt(String.valueOf((char) ('a' + pin - 1)), value & 0xFF);
        } catch (DeviceException e) {
            // Unplugged or stalled meanwhile: what the HAL remembers is still worth showing.
            return null;
        }
    }
}
