package helix.hal.qemu;

import com.google.gson.JsonObject;
import helix.hal.api.DeviceException;
import helix.posix.SharedMemory;
import java.nio.file.Files;
import org.jspecify.annotations.Nullable;

/// A block node of QEMU's and what it holds on this side.
///
/// The node is a `raw` format node over the protocol node `NAME-file`: the format node costs
/// nothing and its `file` can be exchanged at run time, which is how faults get between.
///
/// @param name the node's name, for `drive=`
/// @param node the node as `-blockdev` and `blockdev-add` take it
/// @param memory what is behind it, if it is memory
/// @param isVirtio whether it is attached as a virtio block device
record Disk(String name, JsonObject node, @Nullable SharedMemory memory, boolean isVirtio)
        implements AutoCloseable {

    /// Makes a disk ready to be handed to QEMU.
    ///
    /// @throws DeviceException if its file cannot be used
    static Disk open(String name, DiskSpec spec) {
        if (spec instanceof DiskSpec.Virtio(DiskSpec of)) {
            Disk disk = open(name, of);
            return new Disk(name, disk.node, disk.memory, true);
        }
        JsonObject file = new JsonObject();
        file.addProperty("node-name", protocolNode(name));
        SharedMemory memory = null;
        switch (spec) {
            case DiskSpec.Image image -> {
                if (!Files.exists(image.file())) {
                    throw new DeviceException("disk " + image.file() + ": no such file");
                }
                if (!Files.isRegularFile(image.file())) {
                    throw new DeviceException("disk " + image.file() + ": no regular file");
                }
                if (!Files.isReadable(image.file()) || !Files.isWritable(image.file())) {
                    throw new DeviceException("disk " + image.file() + ": permission denied");
                }
                file.addProperty("driver", "file");
                file.addProperty("filename", image.file().toString());
                file.addProperty("discard", "unmap");
            }
            case DiskSpec.Null empty -> {
                file.addProperty("driver", "null-co");
                file.addProperty("size", empty.size());
                file.addProperty("read-zeroes", true);
            }
            case DiskSpec.Virtio _ -> throw new AssertionError("unwrapped above");
            case DiskSpec.Memory bytes -> {
                memory = SharedMemory.create("helix-" + name, bytes.size());
                file.addProperty("driver", "file");
                file.addProperty("filename", path(memory));
                file.addProperty("discard", "unmap");
            }
        }
        JsonObject node = formatNode(name);
        node.add("file", file);
        return new Disk(name, node, memory, false);
    }

    /// The format node, still without its `file`.
    static JsonObject formatNode(String name) {
        JsonObject node = new JsonObject();
        node.addProperty("driver", "raw");
        node.addProperty("node-name", name);
        node.addProperty("discard", "unmap");
        return node;
    }

    /// The name of the protocol node below a disk's node.
    static String protocolNode(String name) {
        return name + "-file";
    }

    /// A path by which another process of this user opens shared memory. Unlike a file's it leaves
    /// nothing behind.
    static String path(SharedMemory memory) {
        return "/proc/" + ProcessHandle.current().pid() + "/fd/" + memory.fd();
    }

    /// Lets the memory go, once QEMU has.
    @Override
    public void close() {
        if (memory != null) {
            memory.close();
        }
    }
}
