package helix.driver.block.virtio;

import helix.driver.kit.BlockDeviceKit;
import helix.driver.kit.junit.BlockDeviceContractTest;
import helix.virtio.VirtioFeature;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;

/// The driver keeps the contract of block devices on devices of several shapes.
class VirtioBlockContractTest {
    abstract static class OnFake extends BlockDeviceContractTest {
        private Fixture f;

        abstract Fixture shape();

        @Override
        protected BlockDeviceKit kit() {
            f = shape();
            f.start();
            return BlockDeviceKit.of(() -> f.disk()).withRounds(500);
        }

        @AfterEach
        void end() {
            f.driver.stop();
            f.close();
        }
    }

    @Nested
    class Split extends OnFake {
        @Override
        Fixture shape() {
            return Fixture.usual();
        }
    }

    @Nested
    class Packed extends OnFake {
        @Override
        Fixture shape() {
            return new Fixture(Fixture.USUAL | VirtioFeature.RING_PACKED, 128, 128, 128);
        }
    }

    @Nested
    class OneQueue extends OnFake {
        @Override
        Fixture shape() {
            return new Fixture(Fixture.USUAL & ~Blk.F_MQ, 128);
        }
    }

    @Nested
    class OneSmallPackedQueueWithoutTables extends OnFake {
        @Override
        Fixture shape() {
            return new Fixture(
                    (Fixture.USUAL | VirtioFeature.RING_PACKED)
                            & ~(VirtioFeature.RING_INDIRECT_DESC | VirtioFeature.RING_EVENT_IDX),
                    16);
        }
    }

    @Nested
    class NoTablesNoEventIndex extends OnFake {
        @Override
        Fixture shape() {
            return new Fixture(
                    Fixture.USUAL
                            & ~(VirtioFeature.RING_INDIRECT_DESC | VirtioFeature.RING_EVENT_IDX),
                    256,
                    256);
        }
    }

    @Nested
    class SmallPiecesOf4096ByteBlocks extends OnFake {
        @Override
        Fixture shape() {
            Fixture f = new Fixture(Fixture.USUAL | Blk.F_SIZE_MAX, 64, 64);
            f.media.number(8, 2048, 4);
            f.media.number(20, 4096, 4);
            return f;
        }
    }

    @Nested
    class OnlyWhatMustBe extends OnFake {
        @Override
        Fixture shape() {
            return new Fixture(0, 8);
        }
    }

    @Nested
    class WithoutInterrupts extends OnFake {
        @Override
        Fixture shape() {
            Fixture f = Fixture.usual();
            f.media.machine.vectorLimit(0);
            return f;
        }
    }
}
