package helix.hal.internal.service;

import helix.hal.api.Lease;
import helix.hal.api.PciCapability;
import helix.hal.api.PciService;
import helix.hal.internal.lease.GrantedLease;
import helix.hal.internal.lease.Leases;
import helix.hal.internal.pci.PciFunction;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.pci.PciRegisters.Msi;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/// What a lease's holder may do to config space.
@Component
public final class PciConfig implements PciService {
    private static final int MSI_X_LENGTH = 12;

    /// Of the command register, what the HAL answers for.
    private static final int HAL_BITS =
            Command.IO | Command.MEMORY | Command.MASTER | Command.INTX_DISABLE;

    private final Leases leases;

    /// Made by Declarative Services.
    @Activate
    public PciConfig(@Reference Leases leases) {
        this.leases = leases;
    }

    @Override
    public void busMaster(Lease lease, boolean enabled) {
        GrantedLease granted = GrantedLease.valid(lease, "bus mastering");
        PciFunction function = granted.function("bus mastering");
        if (enabled) {
            leases.mastered(granted);
            function.config().update16(Header.COMMAND, 0, Command.MASTER);
        } else {
            function.config().update16(Header.COMMAND, Command.MASTER, 0);
        }
    }

    @Override
    public void writeConfig8(Lease lease, int offset, int value) {
        function(lease, offset, 1, value).config().write8(offset, value);
    }

    @Override
    public void writeConfig16(Lease lease, int offset, int value) {
        function(lease, offset, 2, value).config().write16(offset, value);
    }

    @Override
    public void writeConfig32(Lease lease, int offset, int value) {
        function(lease, offset, 4, value).config().write32(offset, value);
    }

    private static PciFunction function(Lease lease, int offset, int width, int value) {
        String wanted = "config offset 0x" + Integer.toHexString(offset);
        PciFunction function = GrantedLease.valid(lease, wanted).function(wanted);
        function.checked(offset, width);
        refuse(function, offset, width, Header.BAR0, 24, "a base address register");
        refuse(function, offset, width, Header.ROM, 4, "the expansion ROM's base address");
        if (offset < Header.COMMAND + 2 && offset + width > Header.COMMAND) {
            checkCommand(function, offset, width, value);
        }
        for (PciCapability c : function.capabilities()) {
            if (!c.extended() && c.id() == PciCapability.MSI) {
                refuse(function, offset, width, c.offset(), msiLength(function, c), "MSI");
            } else if (!c.extended() && c.id() == PciCapability.MSI_X) {
                refuse(function, offset, width, c.offset(), MSI_X_LENGTH, "MSI-X");
            }
        }
        return function;
    }

    private static int msiLength(PciFunction function, PciCapability msi) {
        int control = function.config().read16(msi.offset() + Msi.CONTROL);
        int length = (control & Msi.ADDRESS_64) != 0 ? 14 : 10;
        return (control & Msi.MASKING) != 0 ? length + 10 : length;
    }

    private static void checkCommand(PciFunction function, int offset, int width, int value) {
        int shift = 8 * (offset - Header.COMMAND);
        int mask = (width == 1 ? 0xFF : 0xFFFF) << shift;
        int command = function.config().read16(Header.COMMAND);
        int written = (command & ~mask) | ((value << shift) & mask);
        if (((written ^ command) & HAL_BITS) != 0) {
            throw new IllegalArgumentException(
                    "%s: Command 0x%04x would become 0x%04x; decoding, bus mastering and interrupt disable are the HAL's"
                            .formatted(function, command, written));
        }
    }

    private static void refuse(
            PciFunction function, int offset, int width, int start, int length, String what) {
        if (offset < start + length && offset + width > start) {
            throw new IllegalArgumentException(
                    "%s: config offset 0x%x belongs to %s, which is the HAL's"
                            .formatted(function, offset, what));
        }
    }
}
