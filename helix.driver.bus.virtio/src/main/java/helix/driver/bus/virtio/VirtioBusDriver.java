package helix.driver.bus.virtio;

import helix.bus.api.virtio.VirtioDevice;
import helix.hal.api.ChildDevice;
import helix.hal.api.Deadline;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.MmioService;
import helix.hal.api.PciDevice;
import helix.hal.api.PciService;
import helix.modules.api.DriverModule;
import helix.modules.api.Module;
import helix.modules.api.ModuleContext;
import helix.modules.api.ModuleError;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// The driver of one PCI function that is a virtio device: it finds the device's registers and
/// publishes it. It takes no interrupts and no memory, so that all of these are the device
/// driver's.
@Component(factory = DriverModule.FACTORY, service = Module.class)
@DriverModule(
        name = "virtio-pci",
        description = "Virtio devices on PCI",
        // Section 4.1.2: 1040 to 107f, and transitional ones from 1000 on, in modern mode.
        match = "(&(pci.vendor=1af4)(pci.device>=1000)(pci.device<=107f))",
        prefix = "vpci")
public final class VirtioBusDriver implements Module {
    private static final Duration RESET_LIMIT = Duration.ofSeconds(5);
    private static final int FIRST_MODERN = 0x1040;

    private final PciDevice function;
    private final MmioService mmio;
    private final PciService pci;

    private @Nullable ModuleContext context;
    private @Nullable PciVirtioDevice device;

    /// Called by Declarative Services, for one function.
    ///
    /// @param device the function
    /// @param mmio maps its registers
    /// @param pci lets it be master of the bus
    @Activate
    public VirtioBusDriver(
            @Reference PciDevice device, @Reference MmioService mmio, @Reference PciService pci) {
        this.function = device;
        this.mmio = mmio;
        this.pci = pci;
    }

    @Override
    public void init(ModuleContext platform) {
        if (!Structures.isModern(function)) {
            throw new ModuleError(
                    "%s is a legacy virtio device; only devices of version 1.0 and later are driven"
                            .formatted(function.id()));
        }
        PciVirtioDevice found =
                new PciVirtioDevice(
                        function,
                        deviceId(function),
                        Structures.of(function),
                        mmio,
                        platform.lease());
        // Quiet before it may reach memory: firmware or a driver before may have left it at work.
        quieten(found);
        pci.busMaster(platform.lease(), true);
        context = platform;
        device = found;
    }

    /// Section 4.1.2.
    static int deviceId(PciDevice function) {
        int id =
                function.deviceId() >= FIRST_MODERN
                        ? function.deviceId() - FIRST_MODERN
                        : switch (function.deviceId()) {
                            case 0x1000 -> 1;
                            case 0x1001 -> 2;
                            case 0x1002 -> 5;
                            case 0x1003 -> 3;
                            case 0x1004 -> 8;
                            case 0x1005 -> 4;
                            case 0x1009 -> 9;
                            default -> function.subsystemId();
                        };
        if (id == 0) {
            throw new ModuleError(function.id() + " has the reserved virtio device id 0");
        }
        return id;
    }

    private static void quieten(PciVirtioDevice device) {
        if (!device.reset(Deadline.after(RESET_LIMIT))) {
            throw new DeviceTimeoutException(
                    "%s: device_status does not read 0 within %d s after a reset"
                            .formatted(device.id(), RESET_LIMIT.toSeconds()));
        }
    }

    @Override
    public void start() {
        ModuleContext platform = context;
        PciVirtioDevice found = device;
        if (platform == null || found == null) {
            throw new IllegalStateException("not initialized");
        }
        var _ =
                platform.publish(
                        VirtioDevice.class,
                        found,
                        Map.of(
                                VirtioDevice.DEVICE,
                                Integer.toHexString(found.deviceId()),
                                VirtioDevice.ON,
                                function.id(),
                                ChildDevice.DESCRIPTION,
                                describe(found.deviceId())));
    }

    /// Section 5, as far as a driver may come.
    static String describe(int deviceId) {
        return switch (deviceId) {
            case 1 -> "virtio network card";
            case 2 -> "virtio block device";
            case 3 -> "virtio console";
            case 4 -> "virtio entropy source";
            case 5, 45 -> "virtio memory balloon";
            case 8 -> "virtio SCSI host";
            case 9 -> "virtio 9P transport";
            case 16 -> "virtio GPU";
            case 18 -> "virtio input device";
            case 19 -> "virtio socket device";
            case 26 -> "virtio file system";
            default -> "virtio device of kind " + deviceId;
        };
    }

    /// The device's driver is out by now.
    @Override
    public void stop() {
        PciVirtioDevice found = device;
        if (found != null && function.isPresent()) {
            quieten(found);
        }
    }
}
