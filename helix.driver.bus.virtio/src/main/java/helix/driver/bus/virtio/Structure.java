package helix.driver.bus.virtio;

import java.util.Locale;

/// Where one of the device's structures is: struct virtio_pci_cap, section 4.1.4, once it is known
/// to lie in a base address register.
///
/// @param kind which structure
/// @param bar the base address register's index
/// @param offset where it begins there
/// @param length how many bytes of it can be used
record Structure(Kind kind, int bar, long offset, long length) {
    /// The kinds that are used here, and what each must be like to be of use.
    enum Kind {
        /// Common configuration, section 4.1.4.3.
        COMMON(1, 4, CommonConfig.MINIMUM_LENGTH, CommonConfig.LENGTH),
        /// Notifications, section 4.1.4.4.
        NOTIFY(2, 2, 2, Long.MAX_VALUE),
        /// ISR status, section 4.1.4.5.
        ISR(3, 1, 1, 1),
        /// The device's own configuration, section 4.1.4.6. A driver may limit what it maps to 4
        /// KiB.
        DEVICE(4, 4, 1, 4096);

        /// Its cfg_type.
        final int type;

        final int alignment;
        final long minimum;

        /// Beyond this nothing is of interest.
        final long useful;

        Kind(int type, int alignment, long minimum, long useful) {
            this.type = type;
            this.alignment = alignment;
            this.minimum = minimum;
            this.useful = useful;
        }

        /// The name without prefix in the specification: `COMMON_CFG`.
        String title() {
            return name().toUpperCase(Locale.ROOT) + "_CFG";
        }
    }

    long end() {
        return offset + length;
    }

    Structure endingAt(long end) {
        return new Structure(kind, bar, offset, end - offset);
    }

    boolean isIn(Structure other) {
        return bar == other.bar && offset >= other.offset && offset < other.end();
    }
}
