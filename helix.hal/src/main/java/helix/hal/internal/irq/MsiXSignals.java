package helix.hal.internal.irq;

import helix.hal.api.IrqKind;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.machine.BusAccess;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.internal.pci.ConfigSpace;
import helix.hal.internal.pci.PciFunction;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.pci.PciRegisters.MsiX;
import java.util.List;
import java.util.Optional;

/// MSI-X. PCI Local Bus 3.0, section 6.8.2: a table of messages, and pending bits, both in BARs.
final class MsiXSignals extends MessageSignals {
    private static final int ADDRESS = 0;
    private static final int UPPER_ADDRESS = 4;
    private static final int DATA = 8;
    private static final int VECTOR_CONTROL = 12;
    private static final int MASKED = 1;

    private final ConfigSpace config;
    private final int capability;
    private final Table table;

    /// Where table and pending bits are.
    ///
    /// @param size the table's entries
    record Table(BusAccess memory, long entries, long pending, int size) {
        /// What the capability says, if that is inside the function's registers.
        static Optional<Table> of(PciFunction function) {
            return function.capability(PciCapability.MSI_X)
                    .flatMap(c -> {
                        ConfigSpace config = function.config();
                        int control = config.read16(c.offset() + MsiX.CONTROL);
                        int size = (control & MsiX.SIZE) + 1;
                        long bits = (size + 63L) / 64 * 8;
                        long entries =
                                place(
                                        function,
                                        config.read32(c.offset() + MsiX.TABLE),
                                        (long) size * MsiX.ENTRY);
                        long pending = place(function, config.read32(c.offset() + MsiX.PBA), bits);
                        return entries < 0 || pending < 0
                                ? Optional.empty()
                                : Optional.of(
                                        new Table(
                                                function.host().memory(), entries, pending, size));
                    });
        }

        private static long place(PciFunction function, int offsetAndBar, long length) {
            long offset = offsetAndBar & 0xFFFF_FFF8L;
            return function.bars().stream()
                    .filter(b -> b.index() == (offsetAndBar & 7) && b.kind() != PciBar.Kind.IO)
                    .filter(b -> b.address() != 0 && offset + length <= b.size())
                    .mapToLong(b -> b.address() + offset)
                    .findFirst()
                    .orElse(-1);
        }

        long entry(int vector) {
            return entries + (long) vector * MsiX.ENTRY;
        }
    }

    /// Programs the first entries and enables MSI-X.
    MsiXSignals(PciFunction function, Table table, List<Messages> messages) {
        super(messages);
        this.config = function.config();
        this.capability = function.capability(PciCapability.MSI_X).orElseThrow().offset();
        this.table = table;
        function.enableDecode(PciBar.Kind.MEMORY32);
        int control = capability + MsiX.CONTROL;
        config.update16(control, 0, MsiX.ENABLE | MsiX.MASK_ALL);
        for (int vector = 0; vector < table.size; vector++) {
            if (vector < messages.size()) {
                program(vector, messages.get(vector));
            } else if (vector == messages.size()) {
                // Entries come out of reset masked; one may be left from somebody before us.
                maskRest(vector);
                break;
            }
        }
        config.update16(Header.COMMAND, 0, Command.INTX_DISABLE);
        config.update16(control, MsiX.MASK_ALL, 0);
    }

    private void program(int vector, Messages message) {
        long entry = table.entry(vector);
        table.memory.write32(entry + VECTOR_CONTROL, MASKED);
        table.memory.write32(entry + ADDRESS, (int) message.address());
        table.memory.write32(entry + UPPER_ADDRESS, (int) (message.address() >>> 32));
        table.memory.write32(entry + DATA, message.data());
        table.memory.write32(entry + VECTOR_CONTROL, 0);
    }

    private void maskRest(int from) {
        for (int vector = from; vector < table.size; vector++) {
            long control = table.entry(vector) + VECTOR_CONTROL;
            if ((table.memory.read32(control) & MASKED) == 0) {
                table.memory.write32(control, MASKED);
            }
        }
    }

    @Override
    public IrqKind kind() {
        return IrqKind.MSIX;
    }

    @Override
    public int count() {
        return sets();
    }

    @Override
    public int eventFd(int vector) {
        return messages(vector).eventFd(0);
    }

    @Override
    public boolean isPending(int vector) {
        int bits = table.memory.read32(table.pending + 4L * (vector >>> 5));
        return (bits >>> (vector & 31) & 1) != 0;
    }

    @Override
    public void disable() {
        config.update16(capability + MsiX.CONTROL, MsiX.ENABLE, MsiX.MASK_ALL);
    }
}
