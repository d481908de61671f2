package helix.driver.kit;

import helix.driver.api.block.BlockDevice;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.api.block.QueueOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Collects cases, and holds what all of them need of the device.
final class Cases {
    private static final int DEPTH = 16;

    private final BlockDeviceKit.Setup setup;
    private final List<BlockDeviceKit.Case> cases = new ArrayList<>();
    private final BlockLimits limits;
    private final int blockSize;
    private final long blocks;

    Cases(BlockDeviceKit.Setup setup, BlockDevice device) {
        this.setup = setup;
        limits = device.limits();
        blockSize = device.blockSize();
        blocks = device.totalBlocks();
    }

    List<BlockDeviceKit.Case> all() {
        return List.copyOf(cases);
    }

    BlockDeviceKit.Setup setup() {
        return setup;
    }

    BlockLimits limits() {
        return limits;
    }

    int blockSize() {
        return blockSize;
    }

    long blocks() {
        return blocks;
    }

    /// The most blocks that one transfer carries.
    int mostBlocks() {
        return limits.maxTransferBytes() / blockSize;
    }

    /// A case on a device.
    void add(String name, Consumer<BlockDevice> body) {
        add(name, null, body);
    }

    /// A case on a device, skipped for a reason.
    void add(String name, @Nullable String skip, Consumer<BlockDevice> body) {
        cases.add(
                new BlockDeviceKit.Case(
                        name, Optional.ofNullable(skip), () -> body.accept(setup.device().get())));
    }

    /// A case on a polled queue.
    void addIo(String name, Consumer<Io> body) {
        addIo(name, null, body);
    }

    /// A case on a polled queue, skipped for a reason.
    void addIo(String name, @Nullable String skip, Consumer<Io> body) {
        add(
                name,
                skip,
                device -> {
                    try (Io io = new Io(device, QueueOptions.polled(DEPTH))) {
                        body.accept(io);
                        io.settle();
                    }
                });
    }

    /// A case that applies to no device.
    void skip(String name, String reason) {
        cases.add(new BlockDeviceKit.Case(name, Optional.of(reason), () -> {}));
    }

    /// Why cases with an operation are skipped, null if they are not.
    @Nullable String unlessSupported(int op) {
        return limits.supports(op) ? null : "the device has no " + BlockOp.name(op);
    }
}
