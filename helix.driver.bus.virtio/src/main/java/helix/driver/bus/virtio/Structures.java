package helix.driver.bus.virtio;

import helix.driver.bus.virtio.Structure.Kind;
import helix.hal.api.DeviceException;
import helix.hal.api.PciBar;
import helix.hal.api.PciCapability;
import helix.hal.api.PciDevice;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A function's virtio structures, as its vendor capabilities say and as far as that can be
/// believed: section 4.1.4. Of each kind the first that can be used is taken. No two overlap, nor
/// one with the MSI-X table, and all lie in registers that are there.
///
/// @param common the common configuration
/// @param notification the notifications
/// @param multiplier from a queue's notification offset to bytes
/// @param isr the interrupt status
/// @param device the device's own configuration, which not every kind of device has
/// @param msixTableSize how many vectors there are, 0 without MSI-X
record Structures(
        Structure common,
        Structure notification,
        long multiplier,
        Structure isr,
        Optional<Structure> device,
        int msixTableSize) {
    /// Of struct virtio_pci_cap.
    private static final int CAP_LEN = 2;

    private static final int CFG_TYPE = 3;
    private static final int BAR = 4;
    private static final int OFFSET = 8;
    private static final int LENGTH = 12;
    private static final int SIZE = 16;

    /// Of struct virtio_pci_notify_cap, which begins with the other.
    private static final int NOTIFY_OFF_MULTIPLIER = 16;

    private static final int NOTIFY_SIZE = 20;

    /// Capabilities lie in the first 256 bytes of config space.
    private static final int CONFIG_SIZE = 256;

    private static final int BARS = 6;

    /// Of the MSI-X capability, PCI Local Bus 3.0, section 6.8.2.
    private static final int MSIX_CONTROL = 2;

    private static final int MSIX_TABLE = 4;
    private static final int MSIX_PBA = 8;
    private static final int MSIX_SIZE = 0x7FF;
    private static final int MSIX_ENTRY = 16;

    /// Finds the structures of a function.
    ///
    /// @throws DeviceException if one that is needed cannot be used, naming it and saying why
    static Structures of(PciDevice function) {
        return new Search(function).run();
    }

    /// Whether a function has anything but the legacy interface. Section 4.1.5.1.1.1.
    static boolean isModern(PciDevice function) {
        return function.capabilities().stream()
                .anyMatch(c ->
                        isVendor(c)
                                && c.offset() + SIZE <= CONFIG_SIZE
                                && function.readConfig8(c.offset() + CFG_TYPE) == Kind.COMMON.type);
    }

    private static boolean isVendor(PciCapability capability) {
        return !capability.extended() && capability.id() == PciCapability.VENDOR;
    }

    private static final class Search {
        private final PciDevice function;
        private final Map<Kind, List<String>> refusals = new EnumMap<>(Kind.class);
        private final Map<Kind, Structure> found = new EnumMap<>(Kind.class);
        private final List<Structure> foreign = new ArrayList<>();
        private long multiplier;
        private int msixTableSize;

        Search(PciDevice function) {
            this.function = function;
            for (Kind kind : Kind.values()) {
                refusals.put(kind, new ArrayList<>());
            }
        }

        Structures run() {
            function.capability(PciCapability.MSI_X).ifPresent(this::msix);
            for (PciCapability capability : function.capabilities()) {
                if (isVendor(capability)) {
                    look(capability.offset());
                }
            }
            separate();
            Structure common = needed(Kind.COMMON);
            Structure notify = needed(Kind.NOTIFY);
            Structure isr = needed(Kind.ISR);
            return new Structures(
                    common,
                    notify,
                    multiplier,
                    isr,
                    Optional.ofNullable(found.get(Kind.DEVICE)),
                    msixTableSize);
        }

        private Structure needed(Kind kind) {
            Structure structure = found.get(kind);
            if (structure == null) {
                List<String> why = refusals.get(kind);
                throw new DeviceException(
                        "%s: %s cannot be used: %s"
                                .formatted(
                                        function.id(),
                                        kind.title(),
                                        why == null || why.isEmpty()
                                                ? "there is none"
                                                : String.join("; ", why)));
            }
            return structure;
        }

        /// The table is the HAL's, whatever a capability says.
        private void msix(PciCapability capability) {
            int control = function.readConfig16(capability.offset() + MSIX_CONTROL);
            msixTableSize = (control & MSIX_SIZE) + 1;
            foreign.add(place(capability.offset() + MSIX_TABLE, (long) msixTableSize * MSIX_ENTRY));
            foreign.add(place(capability.offset() + MSIX_PBA, (msixTableSize + 63L) / 64 * 8));
        }

        private Structure place(int at, long length) {
            int offsetAndBar = function.readConfig32(at);
            return new Structure(
                    Kind.COMMON, offsetAndBar & 7, offsetAndBar & 0xFFFF_FFF8L, length);
        }

        private void look(int at) {
            int type = function.readConfig8(at + CFG_TYPE);
            Kind kind = kind(type);
            if (kind == null || found.containsKey(kind)) {
                return; // reserved types are to be ignored, and the first of a kind is preferred
            }
            String why = take(kind, at);
            if (!why.isEmpty()) {
                List<String> all = refusals.get(kind);
                if (all != null) {
                    all.add("the capability at 0x%x %s".formatted(at, why));
                }
            }
        }

        private static @Nullable Kind kind(int type) {
            for (Kind kind : Kind.values()) {
                if (kind.type == type) {
                    return kind;
                }
            }
            return null;
        }

        /// @return why not, or nothing
        private String take(Kind kind, int at) {
            int size = kind == Kind.NOTIFY ? NOTIFY_SIZE : SIZE;
            int length = function.readConfig8(at + CAP_LEN);
            if (length < size || at + size > CONFIG_SIZE) {
                return "has %d bytes, not %d".formatted(length, size);
            }
            int index = function.readConfig8(at + BAR);
            if (index >= BARS) {
                return "names the reserved BAR %d".formatted(index);
            }
            PciBar bar =
                    function.bars().stream()
                            .filter(b -> b.index() == index)
                            .findFirst()
                            .orElse(null);
            if (bar == null || bar.address() == 0) {
                return "names BAR %d, which %s"
                        .formatted(index, bar == null ? "is not there" : "has no address");
            }
            long offset = Integer.toUnsignedLong(function.readConfig32(at + OFFSET));
            long wanted = Integer.toUnsignedLong(function.readConfig32(at + LENGTH));
            if (offset % kind.alignment != 0) {
                return "says offset 0x%x, which is no multiple of %d"
                        .formatted(offset, kind.alignment);
            }
            long usable = Math.min(Math.min(wanted, kind.useful), bar.size() - offset);
            if (usable < kind.minimum) {
                return "says offset 0x%x and length %d in BAR %d of %d bytes; %d are needed"
                        .formatted(offset, wanted, index, bar.size(), kind.minimum);
            }
            if (kind == Kind.NOTIFY) {
                long factor =
                        Integer.toUnsignedLong(function.readConfig32(at + NOTIFY_OFF_MULTIPLIER));
                if (factor != 0 && (factor < 2 || Long.bitCount(factor) != 1)) {
                    return "says notify_off_multiplier %d, which is neither 0 nor an even power of 2"
                            .formatted(factor);
                }
                multiplier = factor;
            }
            found.put(kind, new Structure(kind, index, offset, usable));
            return "";
        }

        /// Ends each structure where the next one begins, however long it is said to be. What is
        /// left of it then has to do.
        private void separate() {
            Map<Kind, Structure> cut = new EnumMap<>(Kind.class);
            for (Structure one : found.values()) {
                String why = "";
                Structure left = one;
                List<Structure> others = new ArrayList<>(foreign);
                found.values().stream().filter(o -> o.kind() != one.kind()).forEach(others::add);
                for (Structure other : others) {
                    if (one.bar() != other.bar()) {
                        continue;
                    }
                    if (one.offset() == other.offset()
                            || (foreign.contains(other) && one.isIn(other))) {
                        why = "overlaps " + title(other);
                    } else if (other.offset() > one.offset() && other.offset() < left.end()) {
                        left = left.endingAt(other.offset());
                        if (left.length() < one.kind().minimum) {
                            why = "overlaps " + title(other);
                        }
                    }
                }
                List<String> all = refusals.get(one.kind());
                if (why.isEmpty()) {
                    cut.put(one.kind(), left);
                } else if (all != null) {
                    all.add("it " + why);
                }
            }
            found.clear();
            found.putAll(cut);
        }

        private String title(Structure other) {
            return foreign.contains(other) ? "the MSI-X table" : other.kind().title();
        }
    }
}
