package helix.hal.internal.pci;

import helix.hal.api.PciBar;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Finds out what a function's base address registers decode. PCI Local Bus 3.0, section 6.2.5.1:
/// write ones, see which stick, restore; with decoding off meanwhile.
final class BarSizer {
    private static final Logger LOG = LoggerFactory.getLogger(BarSizer.class);

    private static final int IO_INDICATOR = 1;
    private static final int TYPE = 3 << 1;
    private static final int TYPE_64 = 2 << 1;
    private static final int TYPE_RESERVED = 3 << 1;
    private static final int PREFETCHABLE = 1 << 3;

    private final PciFunction function;
    private final ConfigSpace config;

    BarSizer(PciFunction function) {
        this.function = function;
        this.config = function.config();
    }

    /// A register as found.
    ///
    /// @param bar with its present address
    /// @param inUse whether somebody has assigned and enabled it
    record Sized(PciBar bar, boolean inUse) {}

    /// Sizes all registers.
    List<Sized> size() {
        int decode = Command.IO | Command.MEMORY;
        int command = config.update16(Header.COMMAND, decode, 0);
        List<Sized> found = new ArrayList<>();
        try {
            for (int index = 0; index < function.barRegisters(); ) {
                index += sizeOne(index, command, found);
            }
        } finally {
            config.update16(Header.COMMAND, 0, command & decode);
        }
        return found;
    }

    /// @return how many registers it took
    private int sizeOne(int index, int command, List<Sized> found) {
        int offset = Header.BAR0 + 4 * index;
        int value = config.read32(offset);
        int mask = probe(offset, value);
        if (mask == 0 || mask == -1) {
            return 1;
        }
        if ((mask & IO_INDICATOR) != 0) {
            // The upper half may be hard-wired to 0: the register decodes 16 bits then.
            int address = (mask & 0xFFFF0000) == 0 ? mask | 0xFFFF0000 : mask;
            long size = Integer.toUnsignedLong(-(address & ~3));
            add(found, index, PciBar.Kind.IO, false, value & 0xFFFF_FFFCL, size, command);
            return 1;
        }
        boolean prefetchable = (mask & PREFETCHABLE) != 0;
        if ((mask & TYPE) == TYPE_RESERVED) {
            LOG.warn("{}: BAR {} has a reserved type; ignored", function, index);
            return 1;
        }
        if ((mask & TYPE) == TYPE_64 && index + 1 < function.barRegisters()) {
            int upper = config.read32(offset + 4);
            int upperMask = probe(offset + 4, upper);
            long both = ((long) upperMask << 32) | (mask & 0xFFFF_FFF0L);
            long address = ((long) upper << 32) | (value & 0xFFFF_FFF0L);
            add(found, index, PciBar.Kind.MEMORY64, prefetchable, address, -both, command);
            return 2;
        }
        long size = Integer.toUnsignedLong(-(mask & ~0xF));
        long address = value & 0xFFFF_FFF0L;
        add(found, index, PciBar.Kind.MEMORY32, prefetchable, address, size, command);
        return 1;
    }

    private int probe(int offset, int value) {
        config.write32(offset, -1);
        int mask = config.read32(offset);
        config.write32(offset, value);
        return mask;
    }

    private void add(
            List<Sized> found,
            int index,
            PciBar.Kind kind,
            boolean prefetchable,
            long address,
            long size,
            int command) {
        if (Long.bitCount(size) != 1 || size < 0) {
            LOG.warn(
                    "{}: BAR {} claims a size of 0x{}; ignored",
                    function,
                    index,
                    Long.toHexString(size));
            return;
        }
        int decode = kind == PciBar.Kind.IO ? Command.IO : Command.MEMORY;
        boolean inUse = address > 0 && (command & decode) != 0;
        found.add(new Sized(new PciBar(index, kind, prefetchable, address, size), inUse));
    }
}
