package helix.hal.sim.nvme;

import helix.hal.api.DeviceException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How a controller is to be.
///
/// @param file the medium's file, null for none
/// @param kind `file`, `mem` or `null`
/// @param size of the medium in bytes, 0 for the file's
/// @param serial serial number
/// @param namespaces how many share the medium equally
/// @param blockSize 512 or 4096
/// @param queues most I/O queue pairs
/// @param queueSize most entries of a queue
/// @param cache whether there is a volatile write cache
/// @param mdts maximum data transfer size, a power of two of 4 KiB pages
/// @param shuffled whether commands in flight complete in an order that the seed chooses
/// @param seed for the order, and for what a loss of power leaves
/// @param readyDelayNanos from CC.EN to CSTS.RDY
/// @param resetDelayNanos from clearing CC.EN to CSTS.RDY, and of a shutdown
/// @param doorbellBuffers whether Doorbell Buffer Config is offered
record NvmeOptions(
        @Nullable Path file,
        String kind,
        long size,
        String serial,
        int namespaces,
        int blockSize,
        int queues,
        int queueSize,
        boolean cache,
        int mdts,
        boolean shuffled,
        long seed,
        long readyDelayNanos,
        long resetDelayNanos,
        boolean doorbellBuffers) {
    static final String HELP =
            "NVM Express 2.0 controller: file=PATH [size=64M] or backing=mem:SIZE|null:SIZE,"
                    + " serial, namespaces=1, block-size=512|4096, queues=32, queue-size=1024,"
                    + " vwc=on|off, mdts=7, order=shuffled|fifo, seed, dbbuf=on|off,"
                    + " ready-us=100, reset-us=100";

    /// Reads the options.
    ///
    /// @throws DeviceException if one is wrong or not known
    static NvmeOptions of(String id, Map<String, String> given) {
        Reader options = new Reader(id, new HashMap<>(given));
        String file = options.text("file", "");
        long size = options.size("size", 0);
        String memory = size == 0 ? "mem:64M" : "mem";
        String backing = options.text("backing", file.isEmpty() ? memory : "");
        String kind = "file";
        if (!backing.isEmpty()) {
            if (!file.isEmpty()) {
                throw options.wrong("file and backing exclude each other");
            }
            int colon = backing.indexOf(':');
            kind = colon < 0 ? backing : backing.substring(0, colon);
            if (colon >= 0) {
                size = options.parseSize("backing", backing.substring(colon + 1));
            }
            if (!kind.equals("mem") && !kind.equals("null")) {
                throw options.wrong("backing=" + backing + " is neither mem:SIZE nor null:SIZE");
            }
            if (size < 4096) {
                throw options.wrong("backing=" + backing + " has no size");
            }
        }
        int blockSize = options.number("block-size", 512, 512, 4096);
        if (blockSize != 512 && blockSize != 4096) {
            throw options.wrong("block-size=" + blockSize + " is neither 512 nor 4096");
        }
        NvmeOptions result =
                new NvmeOptions(
                        file.isEmpty() ? null : Path.of(file),
                        kind,
                        size,
                        options.text("serial", id),
                        options.number("namespaces", 1, 1, 64),
                        blockSize,
                        options.number("queues", 32, 1, 1024),
                        options.number("queue-size", 1024, 2, 65536),
                        options.flag("vwc", true),
                        options.number("mdts", 7, 0, 12),
                        options.choice("order", "shuffled", "fifo"),
                        options.seed(id),
                        options.number("ready-us", 100, 0, 60_000_000) * 1000L,
                        options.number("reset-us", 100, 0, 60_000_000) * 1000L,
                        options.flag("dbbuf", true));
        options.end();
        return result;
    }

    /// Takes options one by one; what is left is unknown.
    record Reader(String id, Map<String, String> left) {
        DeviceException wrong(String what) {
            return new DeviceException(id + ": " + what);
        }

        String text(String name, String otherwise) {
            String value = left.remove(name);
            return value == null ? otherwise : value;
        }

        boolean flag(String name, boolean otherwise) {
            return choice(name, otherwise, "on", "off");
        }

        boolean choice(String name, String yes, String no) {
            return choice(name, true, yes, no);
        }

        private boolean choice(String name, boolean otherwise, String yes, String no) {
            String value = text(name, otherwise ? yes : no);
            if (!value.equals(yes) && !value.equals(no)) {
                throw wrong("%s=%s is neither %s nor %s".formatted(name, value, yes, no));
            }
            return value.equals(yes);
        }

        int number(String name, int otherwise, int least, int most) {
            return (int) number(name, (long) otherwise, least, most);
        }

        long number(String name, long otherwise, long least, long most) {
            String value = left.remove(name);
            if (value == null) {
                return otherwise;
            }
            long number;
            try {
                number = Long.decode(value);
            } catch (NumberFormatException e) {
                throw new DeviceException(id + ": " + name + "=" + value + " is no number", e);
            }
            if (number < least || number > most) {
                throw wrong("%s=%s is not %d to %d".formatted(name, value, least, most));
            }
            return number;
        }

        long size(String name, long otherwise) {
            String value = left.remove(name);
            return value == null ? otherwise : parseSize(name, value);
        }

        long parseSize(String name, String value) {
            String text = value.toUpperCase(Locale.ROOT);
            int shift = text.isEmpty() ? -1 : "KMGT".indexOf(text.charAt(text.length() - 1));
            String digits = shift < 0 ? text : text.substring(0, text.length() - 1);
            try {
                return Math.multiplyExact(Long.parseLong(digits), 1L << (10 * (shift + 1)));
            } catch (NumberFormatException | ArithmeticException e) {
                throw new DeviceException(id + ": " + name + "=" + value + " is no size", e);
            }
        }

        long seed(String id) {
            return number("seed", id.hashCode(), Long.MIN_VALUE, Long.MAX_VALUE);
        }

        void end() {
            if (!left.isEmpty()) {
                throw wrong("unknown options " + left.keySet());
            }
        }
    }
}
