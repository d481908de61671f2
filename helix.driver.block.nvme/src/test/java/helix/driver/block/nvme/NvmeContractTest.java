package helix.driver.block.nvme;

import helix.driver.kit.BlockDeviceKit;
import helix.driver.kit.junit.BlockDeviceContractTest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;

/// The driver keeps the contract of block devices on controllers of several shapes.
class NvmeContractTest {
    abstract static class OnFake extends BlockDeviceContractTest {
        final Fixture f = new Fixture();

        abstract void shape();

        @Override
        protected BlockDeviceKit kit() {
            shape();
            f.start();
            return BlockDeviceKit.of(() -> f.disk())
                    .withRounds(500)
                    .withReset(() -> {
                        f.nvme.fatal = 1;
                        f.runAgents();
                    });
        }

        @AfterEach
        void end() {
            f.close();
        }
    }

    @Nested
    class Blocks512 extends OnFake {
        @Override
        void shape() {
            f.commands.namespaces.put(1, new FakeNamespace(65536, 9));
        }
    }

    @Nested
    class Blocks4096 extends OnFake {
        @Override
        void shape() {
            f.commands.namespaces.put(1, new FakeNamespace(8192, 12));
        }
    }

    @Nested
    class SmallTransfersAndQueues extends OnFake {
        @Override
        void shape() {
            f.commands.mdts = 1;
            f.nvme.mqes = 31;
        }
    }

    @Nested
    class OnePair extends OnFake {
        @Override
        void shape() {
            f.nvme.maxPairs = 1;
        }
    }

    @Nested
    class TwoEntries extends OnFake {
        @Override
        void shape() {
            f.nvme.mqes = 1;
        }
    }
}
