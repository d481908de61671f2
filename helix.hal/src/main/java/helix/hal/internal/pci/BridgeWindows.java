package helix.hal.internal.pci;

import helix.hal.internal.pci.PciRegisters.Bridge;
import helix.hal.internal.pci.PciRegisters.Command;
import helix.hal.internal.pci.PciRegisters.Header;
import org.jspecify.annotations.Nullable;

/// The ranges that a bridge forwards downwards. PCI-to-PCI Bridge 1.2, section 3.2.5.
final class BridgeWindows {
    static final long IO_GRANULE = 0x1000;
    static final long MEMORY_GRANULE = 0x10_0000;

    private static final int BASE_BITS = 0xFFF0;
    private static final int TYPE = 0xF;
    private static final int TYPE_WIDE = 1;

    private final ConfigSpace config;

    BridgeWindows(PciFunction bridge) {
        this.config = bridge.config();
    }

    /// A forwarded range.
    record Window(long base, long size) {}

    /// Whether somebody has set the bridge up and enabled it.
    boolean inUse() {
        int command = config.read16(Header.COMMAND);
        return (command & Command.MEMORY) != 0
                && (read(PciBus.Space.MEMORY) != null || read(PciBus.Space.HIGH) != null);
    }

    /// Whether the bridge can forward such a range. To be asked while it does not decode.
    boolean supports(PciBus.Space space) {
        return switch (space) {
            case MEMORY -> true;
            case HIGH ->
                    (config.read16(Bridge.PREFETCH_BASE) & TYPE) == TYPE_WIDE
                            && (config.read16(Bridge.PREFETCH_LIMIT) & TYPE) == TYPE_WIDE;
            case IO -> {
                int before = config.read16(Bridge.IO_BASE_LIMIT);
                config.write16(Bridge.IO_BASE_LIMIT, 0x00F0);
                boolean sticks = (config.read16(Bridge.IO_BASE_LIMIT) & 0xF0) == 0xF0;
                config.write16(Bridge.IO_BASE_LIMIT, before);
                yield sticks;
            }
        };
    }

    /// The range that the bridge forwards now.
    ///
    /// @return null if there is none
    @Nullable Window read(PciBus.Space space) {
        return switch (space) {
            case IO -> {
                int word = config.read16(Bridge.IO_BASE_LIMIT);
                yield window((word & 0xF0L) << 8, (word & 0xF000L) | 0xFFF);
            }
            case MEMORY ->
                    window(
                            (config.read16(Bridge.MEMORY_BASE) & (long) BASE_BITS) << 16,
                            (config.read16(Bridge.MEMORY_LIMIT) & (long) BASE_BITS) << 16
                                    | 0xF_FFFF);
            case HIGH -> {
                if (!supports(PciBus.Space.HIGH)) {
                    yield null;
                }
                long base = (config.read16(Bridge.PREFETCH_BASE) & (long) BASE_BITS) << 16;
                long limit = (config.read16(Bridge.PREFETCH_LIMIT) & (long) BASE_BITS) << 16;
                long upperBase = (long) config.read32(Bridge.PREFETCH_BASE_UPPER) << 32;
                long upperLimit = (long) config.read32(Bridge.PREFETCH_LIMIT_UPPER) << 32;
                yield window(upperBase | base, upperLimit | limit | 0xF_FFFF);
            }
        };
    }

    private static @Nullable Window window(long base, long last) {
        return base > 0 && last > base ? new Window(base, last - base + 1) : null;
    }

    /// Forwards a range.
    ///
    /// @param window null to forward nothing
    void write(PciBus.Space space, @Nullable Window window) {
        // Base above limit: closed.
        long base = window == null ? 0xFFF0_0000L : window.base;
        long last = window == null ? 0 : window.base + window.size - 1;
        switch (space) {
            case IO -> {
                int word =
                        window == null ? 0x00F0 : (int) (base >>> 8 & 0xF0) | (int) (last & 0xF000);
                config.write16(Bridge.IO_BASE_LIMIT, word);
                config.write32(Bridge.IO_UPPER, 0);
            }
            case MEMORY -> {
                config.write16(Bridge.MEMORY_BASE, (int) (base >>> 16) & BASE_BITS);
                config.write16(Bridge.MEMORY_LIMIT, (int) (last >>> 16) & BASE_BITS);
            }
            case HIGH -> {
                config.write32(Bridge.PREFETCH_LIMIT_UPPER, 0);
                config.write16(Bridge.PREFETCH_BASE, (int) (base >>> 16) & BASE_BITS);
                config.write16(Bridge.PREFETCH_LIMIT, (int) (last >>> 16) & BASE_BITS);
                config.write32(Bridge.PREFETCH_BASE_UPPER, (int) (base >>> 32));
                config.write32(Bridge.PREFETCH_LIMIT_UPPER, (int) (last >>> 32));
            }
        }
    }

    void enable() {
        config.update16(Header.COMMAND, 0, Command.IO | Command.MEMORY | Command.MASTER);
    }

    void disable() {
        config.update16(Header.COMMAND, Command.IO | Command.MEMORY, 0);
    }
}
