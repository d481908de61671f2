package helix.architecture;

import java.util.Comparator;
import java.util.Map;

/// The bundles and the layer of each: arrows point down only. A bundle's contract (`*.api`) may be
/// used by every layer from its own upwards, its implementation by nobody else.
final class Layers {
    /// Bundle or group of bundles → layer, 0 at the bottom. The longest prefix counts.
    private static final Map<String, Integer> LAYERS =
            Map.ofEntries(
                    Map.entry("helix.posix", 0),
                    Map.entry("helix.registers", 2),
                    Map.entry("helix.hal.api", 1),
                    Map.entry("helix.hal.qemu", 2),
                    Map.entry("helix.hal.sim.api", 2),
                    Map.entry("helix.hal.sim", 2),
                    Map.entry("helix.hal.vfio", 2),
                    Map.entry("helix.hal.vhostuser", 2),
                    Map.entry("helix.hal", 3),
                    Map.entry("helix.modules.api", 4),
                    Map.entry("helix.modules", 5),
                    Map.entry("helix.virtio", 6),
                    Map.entry("helix.driver.api", 7),
                    Map.entry("helix.bus.api", 7),
                    Map.entry("helix.driver", 8),
                    Map.entry("helix.magma", 8),
                    Map.entry("helix.block.api", 9),
                    Map.entry("helix.net.api", 9),
                    Map.entry("helix.input.api", 9),
                    // For tests: of drivers, and of who uses what subsystems offer.
                    Map.entry("helix.driver.kit", 10),
                    Map.entry("helix.block", 10),
                    Map.entry("helix.net", 10),
                    Map.entry("helix.input", 10),
                    Map.entry("helix.block.nbd", 11),
                    Map.entry("helix.net.tap", 11),
                    Map.entry("helix.net.ip", 11),
                    Map.entry("helix.net.capture", 11),
                    Map.entry("helix.fs", 11),
                    Map.entry("helix.session", 11),
                    Map.entry("helix.shell", 11),
                    Map.entry("helix.web", 11));

    private Layers() {}

    /// The layer of a package.
    ///
    /// @throws IllegalArgumentException if no bundle of the table has it
    static int of(String packageName) {
        return LAYERS.get(entry(packageName));
    }

    /// The bundle of a package: its root package, which has the bundle's name.
    static String bundle(String packageName) {
        String entry = entry(packageName);
        boolean group = entry.equals("helix.driver") || entry.equals("helix.magma");
        if (!group) {
            return entry;
        }
        // helix.driver.block.nvme, helix.magma.core: a fixed number of names further.
        int names = entry.equals("helix.driver") ? 4 : 3;
        String[] all = packageName.split("\\.");
        return String.join(".", java.util.Arrays.copyOf(all, Math.min(names, all.length)));
    }

    /// Whether a bundle is there to be used by others: a contract, or a library.
    static boolean isShared(String bundle) {
        return bundle.endsWith(".api")
                || bundle.equals("helix.posix")
                || bundle.equals("helix.registers")
                || bundle.equals("helix.virtio");
    }

    private static String entry(String packageName) {
        return LAYERS.keySet().stream()
                .filter(b -> packageName.equals(b) || packageName.startsWith(b + "."))
                .max(Comparator.comparingInt(String::length))
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                packageName + " is in no layer: add its bundle to Layers"));
    }
}
