package helix.hal.sim;

import helix.hal.sim.FunctionConfig.Decoded;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// A PCI Express root port with a hot-plug slot: header type 1, and the slot's registers as PCI
/// Express Base 6.0, sections 6.7 and 7.5.3.9 to 7.5.3.11, have them.
///
/// Its registers are guarded by its own monitor, in which nothing else is called; what they mean
/// for the function in the slot is done afterwards.
final class RootPort implements ConfigTarget {
    private static final int EXPRESS = PciConfig.FIRST_CAPABILITY;
    private static final int SLOT_STATUS = EXPRESS + PciConfig.SLOT_STATUS;
    private static final int SLOT_CONTROL = EXPRESS + PciConfig.SLOT_CONTROL;
    private static final int LINK_STATUS = EXPRESS + PciConfig.LINK_STATUS;

    /// Attention button, power controller, both indicators, surprise removal, hot-plug.
    private static final int SLOT_FEATURES = 0x7B;

    private static final int SLOT_NUMBER_SHIFT = 19;
    private static final int BUTTON = 1;
    private static final int PRESENCE_CHANGED = 1 << 3;
    private static final int COMMAND_COMPLETED = 1 << 4;
    private static final int PRESENT = 1 << 6;
    private static final int LINK_CHANGED = 1 << 8;
    private static final int SLOT_EVENTS = 0x11F;

    private final String id;
    private final int device;
    private final Runnable routesChanged;
    private final ConfigImage image = new ConfigImage();
    private final AtomicReference<@Nullable SimFunction> occupant = new AtomicReference<>();

    /// What the port forwards now.
    private volatile Routes routes = new Routes(0, 0, true, 0, 0, 0, 0, 0, 0, false);

    /// What is forwarded: bus numbers and, from first to last address, windows.
    private record Routes(
            int secondary,
            int subordinate,
            boolean powered,
            long memory,
            long memoryLast,
            long high,
            long highLast,
            long ports,
            long portsLast,
            boolean inReset) {
        boolean forwards(Decoded range) {
            long last = range.base() + range.size() - 1;
            return range.io()
                    ? range.base() >= ports && last <= portsLast
                    : (range.base() >= memory && last <= memoryLast)
                            || (range.base() >= high && last <= highLast);
        }
    }

    /// @param device its device number on the root bus
    /// @param slot the slot's number
    RootPort(String id, int device, int slot, Runnable routesChanged) {
        this.id = id;
        this.device = device;
        this.routesChanged = routesChanged;
        // What QEMU's generic PCI Express root port calls itself.
        image.put(PciConfig.ID, 4, 0x000C_1B36)
                .writable(PciConfig.COMMAND, 2, PciConfig.COMMAND_WRITABLE)
                .put(PciConfig.STATUS, 2, PciConfig.STATUS_CAPABILITIES)
                .put(PciConfig.CLASS_REVISION, 4, 0x06_0400 << 8)
                .writable(PciConfig.CACHE_LINE, 1, 0xFF)
                .put(PciConfig.HEADER_TYPE, 1, 1)
                .writable(PciConfig.PRIMARY, 4, 0x00FF_FFFF)
                .put(PciConfig.IO_BASE, 2, 0x0000)
                .writable(PciConfig.IO_BASE, 2, 0xF0F0)
                .writable(PciConfig.MEMORY_BASE, 4, 0xFFF0_FFF0)
                .put(PciConfig.PREFETCH_BASE, 4, 0x0001_0001)
                .writable(PciConfig.PREFETCH_BASE, 4, 0xFFF0_FFF0)
                .writable(PciConfig.PREFETCH_BASE_UPPER, 4, -1)
                .writable(PciConfig.PREFETCH_LIMIT_UPPER, 4, -1)
                .put(PciConfig.BRIDGE_CAPABILITIES, 1, EXPRESS)
                .writable(PciConfig.INTERRUPT_LINE, 1, 0xFF)
                .writable(PciConfig.BRIDGE_CONTROL, 2, PciConfig.SECONDARY_BUS_RESET | 0x3)
                .put(EXPRESS, 1, PciConfig.EXPRESS_ID)
                .put(EXPRESS + 2, 2, 2 | PciConfig.EXPRESS_ROOT_PORT << 4 | PciConfig.EXPRESS_SLOT)
                .put(EXPRESS + PciConfig.DEVICE_CAPABILITIES, 4, PciConfig.ROLE_BASED_ERRORS)
                .writable(EXPRESS + PciConfig.DEVICE_CONTROL, 2, 0x7FFF)
                .put(
                        EXPRESS + PciConfig.LINK_CAPABILITIES,
                        4,
                        PciConfig.LINK_SPEED_WIDTH | PciConfig.LINK_ACTIVE_REPORTING)
                .put(LINK_STATUS, 2, PciConfig.LINK_SPEED_WIDTH)
                .put(
                        EXPRESS + PciConfig.SLOT_CAPABILITIES,
                        4,
                        SLOT_FEATURES | slot << SLOT_NUMBER_SHIFT)
                .writable(SLOT_CONTROL, 2, 0x17FF)
                .clearable(SLOT_STATUS, 2, SLOT_EVENTS);
        image.seal();
    }

    String id() {
        return id;
    }

    int device() {
        return device;
    }

    @Nullable SimFunction occupant() {
        return occupant.get();
    }

    /// Puts a function into the slot; it has power if the slot has.
    void insert(SimFunction function, boolean announced) {
        occupant.set(function);
        synchronized (this) {
            image.update(SLOT_STATUS, 2, 0, PRESENT | (announced ? PRESENCE_CHANGED : 0));
            link(isPowered(), announced);
        }
        supply(function);
        routesChanged.run();
    }

    /// Gives the function what the registers say, until they say the same afterwards: of several
    /// threads that do this, the last one leaves what holds.
    private void supply(SimFunction function) {
        boolean power;
        boolean master;
        do {
            power = hasPower();
            master = isMaster();
            function.behindMaster(master);
            function.power(power);
        } while (power != hasPower() || master != isMaster());
    }

    /// Takes what is in the slot out.
    void remove(SimFunction function) {
        if (occupant.compareAndSet(function, null)) {
            synchronized (this) {
                image.update(SLOT_STATUS, 2, PRESENT, PRESENCE_CHANGED);
                link(false, true);
            }
            routesChanged.run();
        }
    }

    /// What is in the slot has lost its power, or has it again: in-band presence detection follows
    /// the link (PCI Express 6.0, section 6.7.1.4).
    void supplied(SimFunction function, boolean on) {
        if (occupant.get() == function) {
            synchronized (this) {
                image.update(SLOT_STATUS, 2, PRESENT, PRESENCE_CHANGED | (on ? PRESENT : 0));
                link(on && isPowered(), true);
            }
        }
    }

    /// Presses the attention button.
    synchronized void press() {
        image.update(SLOT_STATUS, 2, 0, BUTTON);
    }

    synchronized boolean hasPower() {
        return isPowered();
    }

    private boolean isPowered() {
        return (image.read(SLOT_CONTROL, 2) & PciConfig.SLOT_POWER_OFF) == 0;
    }

    private synchronized boolean isMaster() {
        return (image.read(PciConfig.COMMAND, 2) & PciConfig.COMMAND_MASTER) != 0;
    }

    private synchronized boolean isInReset() {
        return (image.read(PciConfig.BRIDGE_CONTROL, 2) & PciConfig.SECONDARY_BUS_RESET) != 0;
    }

    private void link(boolean up, boolean announced) {
        boolean was = (image.read(LINK_STATUS, 2) & PciConfig.LINK_ACTIVE) != 0;
        image.update(LINK_STATUS, 2, PciConfig.LINK_ACTIVE, up ? PciConfig.LINK_ACTIVE : 0);
        if (announced && was != up) {
            image.update(SLOT_STATUS, 2, 0, LINK_CHANGED);
        }
    }

    @Override
    public synchronized int readConfig(int offset, int width) {
        return image.read(offset, width);
    }

    @Override
    public void writeConfig(int offset, int width, int value) {
        boolean supplies;
        boolean resets;
        synchronized (this) {
            boolean powerBefore = isPowered();
            boolean resetBefore = isInReset();
            boolean masterBefore = isMaster();
            image.write(offset, width, value);
            if (offset < SLOT_CONTROL + 2 && offset + width > SLOT_CONTROL) {
                // Whatever was ordered is done at once.
                image.update(SLOT_STATUS, 2, 0, COMMAND_COMPLETED);
                link(isPowered() && occupant.get() != null, true);
            }
            routes = decode();
            supplies = isPowered() != powerBefore || isMaster() != masterBefore;
            resets = isInReset() && !resetBefore;
        }
        try {
            SimFunction function = occupant.get();
            if (function != null && supplies) {
                supply(function);
            }
            if (function != null && resets) {
                function.conventionalReset();
            }
        } finally {
            routesChanged.run();
        }
    }

    private Routes decode() {
        int command = image.read(PciConfig.COMMAND, 2);
        boolean memory = (command & PciConfig.COMMAND_MEMORY) != 0;
        boolean io = (command & PciConfig.COMMAND_IO) != 0;
        return new Routes(
                image.read(PciConfig.SECONDARY, 1),
                image.read(PciConfig.SUBORDINATE, 1),
                isPowered(),
                memory ? megabytes(PciConfig.MEMORY_BASE) : 1,
                memory ? megabytes(PciConfig.MEMORY_LIMIT) | 0xF_FFFF : 0,
                memory ? high(PciConfig.PREFETCH_BASE, PciConfig.PREFETCH_BASE_UPPER) : 1,
                memory
                        ? high(PciConfig.PREFETCH_LIMIT, PciConfig.PREFETCH_LIMIT_UPPER) | 0xF_FFFF
                        : 0,
                io ? (image.read(PciConfig.IO_BASE, 1) & 0xF0L) << 8 : 1,
                io ? (image.read(PciConfig.IO_LIMIT, 1) & 0xF0L) << 8 | 0xFFF : 0,
                (image.read(PciConfig.BRIDGE_CONTROL, 2) & PciConfig.SECONDARY_BUS_RESET) != 0);
    }

    private long megabytes(int register) {
        return (image.read(register, 2) & 0xFFF0L) << 16;
    }

    private long high(int register, int upper) {
        return megabytes(register) | (long) image.read(upper, 4) << 32;
    }

    /// The function that config accesses of a bus below reach.
    @Nullable SimFunction at(int bus, int devfn) {
        Routes now = routes;
        SimFunction function = occupant.get();
        return function != null
                        && now.powered
                        && !now.inReset
                        && now.secondary > 0
                        && bus == now.secondary
                        && devfn == 0
                ? function
                : null;
    }

    /// Whether what the function in the slot decodes is reached through the port.
    boolean forwards(Decoded range) {
        Routes now = routes;
        return now.powered && !now.inReset && now.forwards(range);
    }

    @Override
    public String toString() {
        return id;
    }
}
