package helix.hal.internal.pci;

import helix.hal.api.DeviceException;
import helix.hal.api.DeviceGoneException;
import helix.hal.api.PciAddress;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.PciDevice;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.PciHost;
import helix.hal.internal.device.HalDevice;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/// A PCI function as the HAL found it.
public final class PciFunction implements PciDevice, HalDevice {
    private final MachineContext context;
    private final PciHost host;
    private final PciAddress address;
    private final ConfigSpace config;
    private final @Nullable PciFunction bridge;
    private final @Nullable String reservation;
    private final int headerType;
    private final int vendorId;
    private final int deviceId;
    private final int classRevision;
    private final int subsystemVendorId;
    private final int subsystemId;
    private final List<PciCapability> capabilities;
    private volatile List<PciBar> bars = List.of();
    private volatile boolean gone;

    /// How often a reset began or ended.
    private final AtomicInteger resets = new AtomicInteger();

    /// Reads what identifies the function that answers at an address.
    ///
    /// @param bridge the bridge above, null on a root bus
    PciFunction(
            MachineContext context,
            PciHost host,
            PciAddress address,
            @Nullable PciFunction bridge) {
        this.context = context;
        this.host = host;
        this.address = address;
        this.bridge = bridge;
        this.config = new ConfigSpace(host, address.bus(), address.devfn());
        this.headerType = config.read8(Header.TYPE);
        this.vendorId = config.read16(Header.VENDOR_ID);
        this.deviceId = config.read16(Header.DEVICE_ID);
        this.classRevision = config.read32(Header.CLASS_REVISION);
        boolean plain = (headerType & 0x7F) == 0;
        this.subsystemVendorId = plain ? config.read16(Header.SUBSYSTEM_VENDOR) : 0;
        this.subsystemId = plain ? config.read16(Header.SUBSYSTEM) : 0;
        this.capabilities = Capabilities.of(config);
        this.reservation =
                host.reservation(address.bus(), address.devfn())
                        .orElse(isBridge() ? "forwarding to the bus behind it" : null);
    }

    /// Its config space, writable.
    public ConfigSpace config() {
        return config;
    }

    /// The host bridge it is behind.
    public PciHost host() {
        return host;
    }

    /// The bridge above, null on a root bus.
    public @Nullable PciFunction bridge() {
        return bridge;
    }

    /// Whether it has a header of type 1: a PCI-to-PCI bridge.
    public boolean isBridge() {
        return (headerType & 0x7F) == 1;
    }

    boolean isMultiFunction() {
        return (headerType & 0x80) != 0;
    }

    int barRegisters() {
        return switch (headerType & 0x7F) {
            case 0 -> 6;
            case 1 -> 2;
            default -> 0;
        };
    }

    void bars(List<PciBar> assigned) {
        bars = List.copyOf(assigned);
    }

    /// The base address register with this index.
    ///
    /// @throws DeviceException if it decodes nothing or has no address
    public PciBar bar(int index) {
        PciBar bar =
                bars.stream()
                        .filter(b -> b.index() == index)
                        .findFirst()
                        .orElseThrow(() -> new DeviceException(this + " has no BAR " + index));
        if (bar.address() == 0) {
            throw new DeviceException(
                    "%s: BAR %d (%s, %d bytes) has no address: no room in the windows above it"
                            .formatted(this, index, bar.kind(), bar.size()));
        }
        return bar;
    }

    /// Whether it no longer knows the address of a register: it was reset behind the HAL's back, or
    /// is another one now.
    boolean hasForgotten() {
        return isBeyond(this::knowsAddresses);
    }

    /// Whether it does not answer, and not because the HAL resets it.
    boolean isSilent() {
        return isBeyond(config::answers);
    }

    private boolean isBeyond(BooleanSupplier expected) {
        int before = resets.get();
        // Odd while a reset runs. One that began meanwhile explains everything, too.
        return (before & 1) == 0 && !expected.getAsBoolean() && resets.get() == before;
    }

    private boolean knowsAddresses() {
        for (PciBar bar : bars) {
            if (bar.address() != 0) {
                int low = config.read32(Header.BAR0 + 4 * bar.index());
                int address = bar.kind() == PciBar.Kind.IO ? low & ~3 : low & ~0xF;
                if (address != (int) bar.address()) {
                    return false;
                }
            }
        }
        return true;
    }

    /// Does something to the function after which it has to be given its addresses again. It is not
    /// taken for lost meanwhile.
    ///
    /// @param reset resets it and says whether it confirmed
    /// @return what the reset said
    public boolean resetting(BooleanSupplier reset) {
        int decode = config.read16(Header.COMMAND) & (Command.IO | Command.MEMORY);
        int[] registers = new int[barRegisters()];
        for (int i = 0; i < registers.length; i++) {
            registers[i] = config.read32(Header.BAR0 + 4 * i);
        }
        int line = config.read8(Header.INTERRUPT_LINE);
        resets.incrementAndGet();
        try {
            boolean confirmed = reset.getAsBoolean();
            for (int i = 0; i < registers.length; i++) {
                config.write32(Header.BAR0 + 4 * i, registers[i]);
            }
            config.write8(Header.INTERRUPT_LINE, line);
            config.write16(Header.COMMAND, decode | Command.INTX_DISABLE);
            return confirmed && knowsAddresses();
        } finally {
            resets.incrementAndGet();
        }
    }

    /// Lets the function decode its base address registers of a kind.
    public void enableDecode(PciBar.Kind kind) {
        config.update16(Header.COMMAND, 0, kind == PciBar.Kind.IO ? Command.IO : Command.MEMORY);
    }

    /// The space in which a base address register is decoded.
    public BusAccess space(PciBar bar) {
        return bar.kind() == PciBar.Kind.IO
                ? context.machine()
                        .ports()
                        .orElseThrow(() -> new DeviceException(machine() + " has no port space"))
                : host.memory();
    }

    /// The line that the function's INTx pin raises, through all bridges above. PCI-to-PCI Bridge
    /// 1.2, section 9.1.
    ///
    /// @return empty if it has no pin
    public Optional<Integer> line() {
        int pin = config.read8(Header.INTERRUPT_PIN);
        if (pin < 1 || pin > 4) {
            return Optional.empty();
        }
        PciFunction at = this;
        while (at.bridge != null) {
            pin = (pin - 1 + at.address.device()) % 4 + 1;
            at = at.bridge;
        }
        return Optional.of(host.line(at.address.device(), pin));
    }

    @Override
    public MachineContext context() {
        return context;
    }

    @Override
    public Optional<String> reservation() {
        return Optional.ofNullable(reservation);
    }

    @Override
    public void markGone() {
        gone = true;
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
        return context.name();
    }

    @Override
    public boolean isPresent() {
        return !gone && !context.isGone();
    }

    @Override
    public PciAddress address() {
        return address;
    }

    @Override
    public int vendorId() {
        return vendorId;
    }

    @Override
    public int deviceId() {
        return deviceId;
    }

    @Override
    public int subsystemVendorId() {
        return subsystemVendorId;
    }

    @Override
    public int subsystemId() {
        return subsystemId;
    }

    @Override
    public int classCode() {
        return classRevision >>> 8;
    }

    @Override
    public int revisionId() {
        return classRevision & 0xFF;
    }

    @Override
    public List<PciBar> bars() {
        return bars;
    }

    @Override
    public List<PciCapability> capabilities() {
        return capabilities;
    }

    @Override
    public Optional<PciAddress> parent() {
        return Optional.ofNullable(bridge).map(PciFunction::address);
    }

    @Override
    public int readConfig8(int offset) {
        return config.read8(checked(offset, 1));
    }

    @Override
    public int readConfig16(int offset) {
        return config.read16(checked(offset, 2));
    }

    @Override
    public int readConfig32(int offset) {
        return config.read32(checked(offset, 4));
    }

    @Override
    public int configSize() {
        return config.size();
    }

    /// Checks an access to config space.
    ///
    /// @return the offset
    public int checked(int offset, int width) {
        if (!isPresent()) {
            throw new DeviceGoneException(this + " is gone");
        }
        if (offset < 0 || offset > config.size() - width) {
            throw new IndexOutOfBoundsException(
                    "%s: config offset 0x%x is not below 0x%x"
                            .formatted(this, offset, config.size()));
        }
        if (offset % width != 0) {
            throw new IllegalArgumentException(
                    "%s: config offset 0x%x is no multiple of %d".formatted(this, offset, width));
        }
        return offset;
    }

    @Override
    public String toString() {
        return id();
    }
}
