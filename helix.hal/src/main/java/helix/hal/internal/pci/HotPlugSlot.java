package helix.hal.internal.pci;

import helix.hal.api.PciCapability;
import helix.hal.internal.pci.PciRegisters.Express;
import helix.hal.internal.pci.PciRegisters.SlotCapabilities;
import helix.hal.internal.pci.PciRegisters.SlotControl;
import helix.hal.internal.pci.PciRegisters.SlotStatus;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A slot of the native PCI Express hot-plug scheme. PCI Express Base 6.7.3 and 7.5.3.9 to
/// 7.5.3.11. Looked at now and then by the machine's thread; events are found in Slot Status, no
/// interrupt is used.
///
/// What is pressed at the slot is done at once: the five seconds that a person has to change their
/// mind begin with an indicator that nobody would see here.
public final class HotPlugSlot {
    private static final Logger LOG = LoggerFactory.getLogger(HotPlugSlot.class);

    /// A slot command completes within 1 s (6.7.3.2).
    private static final long COMMAND_NANOS = 1_000_000_000;

    /// A link that trains is up within 1 s (6.6.1).
    private static final long LINK_NANOS = 1_000_000_000;

    /// After the link is up, config space is left alone for 100 ms (6.6.1), and answers within 1 s.
    private static final long SETTLE_NANOS = 100_000_000;

    private static final long PAUSE_NANOS = 1_000_000;

    private final PciBus bus;
    private final PciFunction port;
    private final Population population;
    private final int base;
    private final int slotCapabilities;
    private State state;

    /// What stands in the slot.
    enum State {
        /// Nothing, or nothing that has power.
        EMPTY,
        /// Functions that are published.
        ON,
        /// Switched off; what was there may still stick in the slot.
        OFF
    }

    /// Who brings functions to life and takes them away.
    public interface Population {
        /// Finds and publishes what is on the slot's bus.
        ///
        /// @return how many functions were found
        int populate(PciBus bus);

        /// Withdraws what was published, in order.
        ///
        /// @param surprise whether the hardware is gone already
        void depopulate(PciBus bus, boolean surprise);

        /// The port has forgotten its bus number, so that nothing can be said of the slot.
        void unreachable(PciBus bus);

        /// The slot has no power any more: what was in it can do nothing.
        void poweredOff(PciBus bus);
    }

    /// A slot whose bus has been enumerated once.
    public HotPlugSlot(PciBus bus, PciFunction port, Population population) {
        this.bus = bus;
        this.port = port;
        this.population = population;
        this.base = expressOffset(port);
        this.slotCapabilities = port.config().read32(base + Express.SLOT_CAPABILITIES);
        this.state = bus.functions().isEmpty() ? State.EMPTY : State.ON;
    }

    static boolean isCapable(PciFunction port) {
        int base = expressOffset(port);
        return base != 0
                && (port.config().read16(base + Express.CAPABILITIES) & Express.SLOT) != 0
                && (port.config().read32(base + Express.SLOT_CAPABILITIES)
                                & SlotCapabilities.HOT_PLUG)
                        != 0;
    }

    private static int expressOffset(PciFunction port) {
        return port.capability(PciCapability.PCI_EXPRESS).map(PciCapability::offset).orElse(0);
    }

    State state() {
        return state;
    }

    /// Whether this is the slot of that bus, or of one behind it.
    public boolean isOnOrBehind(PciBus other) {
        return other.stream().anyMatch(bus::equals);
    }

    /// Looks at the slot, and does what is to be done.
    public void poll() {
        int status = port.config().read16(base + Express.SLOT_STATUS);
        if (status == 0xFFFF) {
            // The port itself is gone; its own slot's owner will notice.
            return;
        }
        int events = status & SlotStatus.EVENTS;
        if (events != 0) {
            // Only what was seen is acknowledged: an event in between stays for the next look.
            port.config().write16(base + Express.SLOT_STATUS, events);
        }
        boolean present = (status & SlotStatus.PRESENT) != 0;
        boolean pressed = (events & SlotStatus.ATTENTION_BUTTON) != 0;
        boolean changed = (events & SlotStatus.PRESENCE_CHANGED) != 0;
        switch (state) {
            case EMPTY -> {
                if (present) {
                    insert();
                }
            }
            case ON -> {
                if (!present || isLost() || (changed && bus.hasForgotten())) {
                    if (!bus.isReachable()) {
                        // The port was reset, and with it the whole machine: what is in the slot
                        // is there and only cannot be seen.
                        population.unreachable(bus);
                        return;
                    }
                    LOG.warn("{}: what was in the slot is gone without notice", port);
                    remove(true);
                    if (present && changed) {
                        // It came back, or another came, before anybody looked.
                        insert();
                    }
                } else if (pressed) {
                    remove(false);
                }
            }
            case OFF -> {
                if (!present) {
                    state = State.EMPTY;
                } else if (pressed || changed) {
                    insert();
                }
            }
        }
    }

    private void insert() {
        control(SlotControl.POWER_INDICATOR_BLINK | SlotControl.ATTENTION_OFF, true);
        if (awaitLink()) {
            // Before anybody sees the functions: while it blinks, nobody may ask for removal.
            control(SlotControl.POWER_INDICATOR_ON | SlotControl.ATTENTION_OFF, true);
            int found = population.populate(bus);
            if (found > 0) {
                state = State.ON;
                LOG.info("{}: {} function(s) plugged in", port, found);
                return;
            }
        }
        if (!bus.isReachable()) {
            population.unreachable(bus);
            return;
        }
        LOG.warn("{}: what was plugged in does not answer; slot switched off", port);
        control(SlotControl.POWER_INDICATOR_OFF | SlotControl.ATTENTION_ON, false);
        state = State.OFF;
    }

    private void remove(boolean surprise) {
        if (!surprise) {
            control(SlotControl.POWER_INDICATOR_BLINK | SlotControl.ATTENTION_OFF, true);
        }
        population.depopulate(bus, surprise);
        control(SlotControl.POWER_INDICATOR_OFF | SlotControl.ATTENTION_OFF, false);
        population.poweredOff(bus);
        state = State.OFF;
        LOG.info("{}: slot switched off", port);
        int status = port.config().read16(base + Express.SLOT_STATUS);
        if ((status & SlotStatus.PRESENT) == 0) {
            state = State.EMPTY;
        }
    }

    /// Functions that are published no longer answer.
    private boolean isLost() {
        return bus.functions().stream().allMatch(PciFunction::isSilent);
    }

    /// Writes Slot Control and waits until the port has done it.
    private void control(int indicators, boolean power) {
        ConfigSpace config = port.config();
        int clear = SlotControl.POWER_INDICATOR | SlotControl.ATTENTION;
        int set = indicators;
        if ((slotCapabilities & SlotCapabilities.POWER_CONTROLLER) != 0) {
            clear |= SlotControl.POWER_OFF;
            set |= power ? 0 : SlotControl.POWER_OFF;
        }
        int offset = base + Express.SLOT_CONTROL;
        int before = config.read16(offset);
        int after = (before & ~clear) | set;
        if (before == after) {
            return;
        }
        boolean waits = (slotCapabilities & SlotCapabilities.NO_COMMAND_COMPLETED) == 0;
        int status = base + Express.SLOT_STATUS;
        if (waits && (config.read16(status) & SlotStatus.COMMAND_COMPLETED) != 0) {
            config.write16(status, SlotStatus.COMMAND_COMPLETED);
        }
        config.write16(offset, after);
        if (waits) {
            boolean done =
                    await(
                            COMMAND_NANOS,
                            () -> (config.read16(status) & SlotStatus.COMMAND_COMPLETED) != 0);
            if (done) {
                config.write16(status, SlotStatus.COMMAND_COMPLETED);
            } else {
                LOG.warn(
                        "{}: slot command not completed within 1 s; Slot Control={}",
                        port,
                        Integer.toHexString(config.read16(offset)));
            }
        }
    }

    private boolean awaitLink() {
        ConfigSpace config = port.config();
        int capabilities = config.read32(base + Express.LINK_CAPABILITIES);
        if ((capabilities & Express.LINK_ACTIVE_REPORTING) != 0) {
            int status = base + Express.LINK_STATUS;
            if (!await(LINK_NANOS, () -> (config.read16(status) & Express.LINK_ACTIVE) != 0)) {
                return false;
            }
        }
        pause(SETTLE_NANOS);
        ConfigSpace first = new ConfigSpace(port.host(), bus.number(), 0);
        return await(LINK_NANOS, first::answers);
    }

    private static boolean await(long nanos, BooleanSupplier condition) {
        long end = System.nanoTime() + nanos;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - end >= 0) {
                return false;
            }
            pause(PAUSE_NANOS);
        }
        return true;
    }

    private static void pause(long nanos) {
        long end = System.nanoTime() + nanos;
        long left = nanos;
        while (left > 0) {
            LockSupport.parkNanos(left);
            left = end - System.nanoTime();
        }
    }
}
