package helix.hal.internal.pci;

import helix.hal.api.PciCapability;
import helix.hal.internal.pci.PciRegisters.Header;
import helix.hal.internal.pci.PciRegisters.Status;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/// Walks a function's capability lists. PCI Local Bus 3.0 section 6.7, PCI Express Base 7.9. A
/// device may answer anything: the walk ends at a pointer that was seen before, leaves the list's
/// part of config space, or reads all ones.
final class Capabilities {
    private static final int FIRST = 0x40;
    private static final int EXTENDED = 0x100;

    private final ConfigSpace config;
    private final List<PciCapability> found = new ArrayList<>();

    private Capabilities(ConfigSpace config) {
        this.config = config;
    }

    /// All capabilities, plain ones first, each list in its own order.
    static List<PciCapability> of(ConfigSpace config) {
        Capabilities walk = new Capabilities(config);
        walk.plain();
        if (config.size() > EXTENDED
                && walk.found.stream().anyMatch(c -> c.id() == PciCapability.PCI_EXPRESS)) {
            walk.extended();
        }
        return List.copyOf(walk.found);
    }

    private void plain() {
        if ((config.read16(Header.STATUS) & Status.CAPABILITIES) == 0) {
            return;
        }
        BitSet seen = new BitSet();
        int offset = config.read8(Header.CAPABILITIES) & 0xFC;
        while (offset >= FIRST && !seen.get(offset)) {
            seen.set(offset);
            int idAndNext = config.read16(offset);
            int id = idAndNext & 0xFF;
            if (id == 0xFF) {
                return;
            }
            found.add(new PciCapability(id, offset, false, 0));
            offset = idAndNext >>> 8 & 0xFC;
        }
    }

    private void extended() {
        BitSet seen = new BitSet();
        int offset = EXTENDED;
        while (offset >= EXTENDED && offset <= config.size() - 4 && !seen.get(offset)) {
            seen.set(offset);
            int header = config.read32(offset);
            if (header == 0 || header == -1) {
                return;
            }
            int version = header >>> 16 & 0xF;
            found.add(new PciCapability(header & 0xFFFF, offset, true, version));
            offset = header >>> 20 & 0xFFC;
        }
    }
}
