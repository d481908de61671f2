package helix.hal.sim;

import helix.hal.api.DeviceException;
import helix.hal.api.PciBar;
import helix.hal.sim.api.FunctionShape;
import helix.hal.sim.api.FunctionShape.Bar;
import helix.hal.sim.api.FunctionShape.Capability;
import helix.hal.sim.api.FunctionShape.Msix;
import java.util.ArrayList;
import java.util.List;

/// An endpoint's config space, header type 0. PCI Express Base 6.0, section 7.5. Guarded by the
/// function's lock.
final class FunctionConfig {
    private final ConfigImage image = new ConfigImage();
    private final FunctionShape shape;
    private final int power;
    private final int express;
    private final int msix;
    private int last;
    private int next = PciConfig.FIRST_CAPABILITY;

    /// A range that a base address register decodes now.
    record Decoded(boolean io, long base, long size, int bar) {}

    FunctionConfig(FunctionShape shape, boolean behindPort) {
        this.shape = shape;
        image.put(PciConfig.ID, 4, shape.vendor() | shape.device() << 16)
                .writable(PciConfig.COMMAND, 2, PciConfig.COMMAND_WRITABLE)
                .put(PciConfig.STATUS, 2, PciConfig.STATUS_CAPABILITIES)
                .put(PciConfig.CLASS_REVISION, 4, shape.classCode() << 8 | shape.revision())
                .writable(PciConfig.CACHE_LINE, 1, 0xFF)
                .put(PciConfig.SUBSYSTEM, 4, shape.subsystemVendor() | shape.subsystem() << 16)
                .writable(PciConfig.INTERRUPT_LINE, 1, 0xFF)
                .put(PciConfig.INTERRUPT_PIN, 1, shape.pin());
        last = PciConfig.CAPABILITIES;
        shape.bars().forEach(this::declare);
        power = capability(PciConfig.PM_ID, PciConfig.PM_SIZE);
        image.put(power + 2, 2, 3)
                .put(power + PciConfig.PM_STATUS, 2, PciConfig.PM_NO_SOFT_RESET)
                .writable(power + PciConfig.PM_STATUS, 2, PciConfig.PM_STATE);
        express = express(behindPort);
        msix = shape.msix() == null ? 0 : msix(shape.msix());
        for (Capability extra : shape.capabilities()) {
            byte[] body = extra.body();
            image.put(capability(extra.id(), 2 + body.length) + 2, body);
        }
        image.seal();
    }

    private void declare(Bar bar) {
        long least = bar.kind() == PciBar.Kind.IO ? 4 : 16;
        boolean wide = bar.kind() == PciBar.Kind.MEMORY64;
        if (bar.index() < 0
                || bar.index() > (wide ? 4 : 5)
                || bar.size() < least
                || Long.bitCount(bar.size()) != 1
                || (!wide && bar.size() > 1L << 31)) {
            throw new DeviceException("no base address register can be " + bar);
        }
        int offset = PciConfig.BAR0 + 4 * bar.index();
        int type =
                switch (bar.kind()) {
                    case IO -> 1;
                    case MEMORY32 -> 0;
                    case MEMORY64 -> 4;
                };
        long mask = -bar.size();
        image.put(offset, 4, type | (bar.prefetchable() ? 8 : 0)).writable(offset, 4, (int) mask);
        if (wide) {
            image.writable(offset + 4, 4, (int) (mask >>> 32));
        }
    }

    private int express(boolean behindPort) {
        int at = capability(PciConfig.EXPRESS_ID, PciConfig.EXPRESS_SIZE);
        int type = behindPort ? PciConfig.EXPRESS_ENDPOINT : PciConfig.EXPRESS_INTEGRATED_ENDPOINT;
        int flr = shape.functionLevelReset() ? PciConfig.FLR_CAPABLE : 0;
        image.put(at + 2, 2, 2 | type << 4)
                .put(at + PciConfig.DEVICE_CAPABILITIES, 4, PciConfig.ROLE_BASED_ERRORS | flr)
                .writable(at + PciConfig.DEVICE_CONTROL, 2, 0x7FFF);
        if (behindPort) {
            image.put(at + PciConfig.LINK_CAPABILITIES, 4, PciConfig.LINK_SPEED_WIDTH)
                    .put(at + PciConfig.LINK_STATUS, 2, PciConfig.LINK_SPEED_WIDTH);
        }
        return at;
    }

    private int msix(Msix table) {
        if (table.vectors() < 1
                || table.vectors() > 2048
                || ((table.tableOffset() | table.pendingOffset()) & 7) != 0) {
            throw new DeviceException("no MSI-X table can be " + table);
        }
        int at = capability(PciConfig.MSIX_ID, PciConfig.MSIX_SIZE);
        image.put(at + PciConfig.MSIX_CONTROL, 2, table.vectors() - 1)
                .writable(
                        at + PciConfig.MSIX_CONTROL,
                        2,
                        PciConfig.MSIX_ENABLE | PciConfig.MSIX_MASK_ALL)
                .put(at + 4, 4, (int) table.tableOffset() | table.bar())
                .put(at + 8, 4, (int) table.pendingOffset() | table.bar());
        return at;
    }

    /// Appends a capability to the list. Section 7.5.1.1.11.
    private int capability(int id, int size) {
        int at = next;
        next = (at + size + 3) & ~3;
        if (next > PciConfig.LAST_CAPABILITY) {
            throw new DeviceException("the capabilities do not fit 256 bytes of config space");
        }
        image.put(last, 1, at).put(at, 1, id);
        last = at + 1;
        return at;
    }

    int read(int offset, int width) {
        return image.read(offset, width);
    }

    void write(int offset, int width, int value) {
        image.write(offset, width, value);
    }

    void reset() {
        image.reset();
    }

    /// Whether a write asks for a function level reset. Section 6.6.2.
    boolean asksForReset(int offset, int width, int value) {
        int control = express + PciConfig.DEVICE_CONTROL;
        return shape.functionLevelReset()
                && offset <= control + 1
                && offset + width > control + 1
                && (value >>> (8 * (control + 1 - offset)) & 0x80) != 0;
    }

    private int command() {
        return image.read(PciConfig.COMMAND, 2);
    }

    private boolean isAwake() {
        return (image.read(power + PciConfig.PM_STATUS, 2) & PciConfig.PM_STATE) == 0;
    }

    /// Whether the function may send requests of its own.
    boolean isMaster() {
        return (command() & PciConfig.COMMAND_MASTER) != 0 && isAwake();
    }

    boolean isLineDisabled() {
        return (command() & PciConfig.COMMAND_INTX_DISABLE) != 0;
    }

    /// Shows the level that the function would drive. Section 7.5.1.1.4.
    void interruptStatus(boolean raised) {
        image.update(
                PciConfig.STATUS,
                2,
                PciConfig.STATUS_INTERRUPT,
                raised ? PciConfig.STATUS_INTERRUPT : 0);
    }

    boolean messagesEnabled() {
        return msix != 0 && (control() & PciConfig.MSIX_ENABLE) != 0;
    }

    boolean messagesMasked() {
        return msix != 0 && (control() & PciConfig.MSIX_MASK_ALL) != 0;
    }

    private int control() {
        return image.read(msix + PciConfig.MSIX_CONTROL, 2);
    }

    /// The ranges that it decodes as it is set up now.
    List<Decoded> decoded() {
        List<Decoded> ranges = new ArrayList<>();
        if (!isAwake()) {
            return ranges;
        }
        for (Bar bar : shape.bars()) {
            boolean io = bar.kind() == PciBar.Kind.IO;
            int enable = io ? PciConfig.COMMAND_IO : PciConfig.COMMAND_MEMORY;
            if ((command() & enable) == 0) {
                continue;
            }
            int offset = PciConfig.BAR0 + 4 * bar.index();
            long base = (image.read(offset, 4) & (io ? ~3 : ~15)) & 0xFFFF_FFFFL;
            if (bar.kind() == PciBar.Kind.MEMORY64) {
                base |= (long) image.read(offset + 4, 4) << 32;
            }
            if (base > 0) {
                ranges.add(new Decoded(io, base, bar.size(), bar.index()));
            }
        }
        return ranges;
    }
}
