package helix.driver.kit;

import helix.driver.api.block.BlockIdentity;
import helix.driver.api.block.BlockLimits;
import helix.driver.api.block.BlockOp;
import helix.driver.kit.junit.BlockDeviceContractTest;
import java.util.Set;
import org.junit.jupiter.api.Nested;

/// The reference device passes the whole contract, in several shapes.
class MemoryBlockDeviceContractTest {
    private static BlockDeviceKit kitFor(MemoryBlockDevice device) {
        return BlockDeviceKit.of(() -> device)
                .withReset(() -> {})
                .withPowerCut(device::powerCut)
                .withAllocationMeasured();
    }

    private static MemoryBlockDevice device(int blockSize, BlockLimits limits) {
        BlockIdentity identity = new BlockIdentity("MEMORY", "7", "1", 1, "");
        return new MemoryBlockDevice(identity, limits, blockSize, (16 << 20) / blockSize);
    }

    @Nested
    class Blocks512 extends BlockDeviceContractTest {
        @Override
        protected BlockDeviceKit kit() {
            return kitFor(new MemoryBlockDevice(512, 32 * 1024));
        }
    }

    @Nested
    class Blocks4096 extends BlockDeviceContractTest {
        @Override
        protected BlockDeviceKit kit() {
            return kitFor(new MemoryBlockDevice(4096, 4096));
        }
    }

    @Nested
    class Small extends BlockDeviceContractTest {
        @Override
        protected BlockDeviceKit kit() {
            return kitFor(
                    device(512, new BlockLimits(8192, 2, 512, 1, 2, Set.of(), false, false, 0)));
        }
    }

    @Nested
    class FlushOnly extends BlockDeviceContractTest {
        @Override
        protected BlockDeviceKit kit() {
            Set<Integer> operations = Set.of(BlockOp.FLUSH);
            return kitFor(
                    device(512, new BlockLimits(65536, 1, 1, 2, 1, operations, true, true, 0)));
        }
    }
}
