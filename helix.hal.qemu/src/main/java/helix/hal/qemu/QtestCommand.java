package helix.hal.qemu;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/// The bus accesses of QEMU's qtest protocol: a name, the address and for a write the value, all in
/// one line of text.
enum QtestCommand {
    READB,
    READW,
    READL,
    READQ,
    WRITEB,
    WRITEW,
    WRITEL,
    WRITEQ,
    INB,
    INW,
    INL,
    OUTB,
    OUTW,
    OUTL;

    /// Never changed; an array because it is copied to native memory at each access.
    @SuppressWarnings("ImmutableEnumChecker")
    private final byte[] prefix;

    QtestCommand() {
        prefix = (word() + " 0x").getBytes(StandardCharsets.US_ASCII);
    }

    /// The command's word as QEMU knows it.
    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The line's beginning, up to the address. Not to be changed.
    byte[] prefix() {
        return prefix;
    }
}
