package helix.hal.qemu;

import com.google.gson.JsonObject;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.MachineControl.Choice;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// What can be plugged into a port: its settings, and how QEMU calls it.
enum PlugKind {
    /// An NVMe drive.
    NVME("nvme", "nvme", "an NVMe drive; " + PlugKind.DRIVE),
    /// A virtio block device.
    VIRTIO_BLK("virtio-blk", "virtio-blk-pci", "a virtio block device; " + PlugKind.DRIVE),
    /// A virtio network card.
    VIRTIO_NET(
            "virtio-net",
            "virtio-net-pci",
            "a virtio network card; mac=ADDRESS, netdev=ID of a network given to QEMU (without it a"
                    + " small one of its own, from which nothing leaves), id=NAME");

    private static final String DRIVE =
            "file=FILE|null:SIZE|mem:SIZE or size=SIZE (in memory), serial=TEXT, id=NAME,"
                    + " block-size=512|4096";

    private static final Set<String> DRIVE_OPTIONS =
            Set.of("file", "size", "serial", "id", "block-size");
    private static final Set<String> CARD_OPTIONS = Set.of("mac", "netdev", "id");

    private final String text;
    private final String driver;
    private final String description;

    PlugKind(String text, String driver, String description) {
        this.text = text;
        this.driver = driver;
        this.description = description;
    }

    /// The kind that a person names.
    static PlugKind of(String text) {
        return Arrays.stream(values())
                .filter(k -> k.text.equals(text))
                .findFirst()
                .orElseThrow(() ->
                        new DeviceException(
                                "'%s' cannot be plugged; there is: %s"
                                        .formatted(
                                                text,
                                                Arrays.stream(values())
                                                        .map(k -> k.text)
                                                        .collect(Collectors.joining(", ")))));
    }

    Choice choice() {
        return new Choice(text, description);
    }

    boolean isDrive() {
        return this != VIRTIO_NET;
    }

    void check(Map<String, String> given) {
        Options.check(given, isDrive() ? DRIVE_OPTIONS : CARD_OPTIONS);
    }

    /// The device as `device_add` takes it, still without what is behind it.
    JsonObject device(String id, String port, Map<String, String> given) {
        JsonObject device = new JsonObject();
        device.addProperty("driver", driver);
        device.addProperty("id", id);
        device.addProperty("bus", port);
        if (isDrive()) {
            device.addProperty("serial", given.getOrDefault("serial", "helix-" + id));
            int blockSize = blockSize(given.getOrDefault("block-size", "512"));
            device.addProperty("logical_block_size", blockSize);
            device.addProperty("physical_block_size", blockSize);
        } else {
            device.addProperty("romfile", "");
            if (given.containsKey("mac")) {
                device.addProperty("mac", given.get("mac"));
            }
        }
        return device;
    }

    private static int blockSize(String text) {
        return switch (text) {
            case "512" -> 512;
            case "4096" -> 4096;
            default -> throw new DeviceException("block-size is 512 or 4096, not " + text);
        };
    }
}
