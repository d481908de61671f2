package helix.hal.internal.irq;

import helix.hal.api.IrqKind;
import helix.hal.api.PciCapability;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.internal.pci.ConfigSpace;
import helix.hal.internal.pci.PciFunction;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.pci.PciRegisters.Msi;
import java.util.List;

/// Message Signalled Interrupts. PCI Local Bus 3.0, section 6.8.1: one address, consecutive data.
final class MsiSignals extends MessageSignals {
    private final ConfigSpace config;
    private final int capability;
    private final int control;
    private final int count;

    /// Programs the message and enables MSI.
    ///
    /// @param count a power of two, at most what the function is capable of
    MsiSignals(PciFunction function, Messages messages, int count) {
        super(List.of(messages));
        this.config = function.config();
        this.capability = function.capability(PciCapability.MSI).orElseThrow().offset();
        this.control = config.read16(capability + Msi.CONTROL);
        this.count = count;
        config.write32(capability + Msi.ADDRESS, (int) messages.address());
        if (isWide()) {
            config.write32(capability + Msi.ADDRESS + 4, (int) (messages.address() >>> 32));
        }
        int data = capability + Msi.ADDRESS + (isWide() ? 8 : 4);
        config.write16(data, messages.data());
        if ((control & Msi.MASKING) != 0) {
            config.write32(data + 4, 0);
        }
        config.update16(Header.COMMAND, 0, Command.INTX_DISABLE);
        int enabled = Integer.numberOfTrailingZeros(count) << Msi.MME_SHIFT | Msi.ENABLE;
        config.update16(capability + Msi.CONTROL, 7 << Msi.MME_SHIFT, enabled);
    }

    /// How many vectors a function can raise.
    static int capable(PciFunction function, PciCapability msi) {
        int control = function.config().read16(msi.offset() + Msi.CONTROL);
        return 1 << Math.min(5, control >>> Msi.MMC_SHIFT & 7);
    }

    /// Whether a function can send a message to an address.
    static boolean reaches(PciFunction function, PciCapability msi, long address) {
        int control = function.config().read16(msi.offset() + Msi.CONTROL);
        return address >>> 32 == 0 || (control & Msi.ADDRESS_64) != 0;
    }

    private boolean isWide() {
        return (control & Msi.ADDRESS_64) != 0;
    }

    @Override
    public IrqKind kind() {
        return IrqKind.MSI;
    }

    @Override
    public int count() {
        return count;
    }

    @Override
    public int eventFd(int vector) {
        return messages(0).eventFd(vector);
    }

    @Override
    public boolean isPending(int vector) {
        if ((control & Msi.MASKING) == 0) {
            return false;
        }
        int pending = capability + Msi.ADDRESS + (isWide() ? 16 : 12);
        return (config.read32(pending) >>> vector & 1) != 0;
    }

    @Override
    public void disable() {
        config.update16(capability + Msi.CONTROL, Msi.ENABLE, 0);
    }
}
