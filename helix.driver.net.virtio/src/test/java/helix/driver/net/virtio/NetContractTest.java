package helix.driver.net.virtio;

import helix.driver.kit.net.NetworkDeviceKit;
import helix.driver.kit.net.junit.NetworkDeviceContractTest;
import helix.virtio.VirtioFeature;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;

/// The driver keeps the contract of network devices on cards of several shapes.
class NetContractTest {
    abstract static class OnFake extends NetworkDeviceContractTest {
        private final Fixture f;

        OnFake(long features, int pairs, int queueSize) {
            f = new Fixture(features, pairs, queueSize);
        }

        @Override
        protected NetworkDeviceKit kit() {
            f.start();
            return NetworkDeviceKit.of(() -> f.device(), f.nic);
        }

        @AfterEach
        void end() {
            f.close();
        }
    }

    @Nested
    class Split extends OnFake {
        Split() {
            super(FakeNic.ALL, 1, 64);
        }
    }

    @Nested
    class Packed extends OnFake {
        Packed() {
            super(FakeNic.ALL | VirtioFeature.RING_PACKED, 1, 64);
        }
    }

    @Nested
    class SmallRing extends OnFake {
        SmallRing() {
            super(FakeNic.ALL, 1, 8);
        }
    }

    @Nested
    class FourPairs extends OnFake {
        FourPairs() {
            super(FakeNic.ALL | VirtioFeature.RING_PACKED, 4, 32);
        }
    }

    @Nested
    class NothingOffered extends OnFake {
        NothingOffered() {
            super(0, 1, 64);
        }
    }

    @Nested
    class NotMergeable extends OnFake {
        NotMergeable() {
            super(FakeNic.ALL & ~NetFeature.MRG_RXBUF, 1, 64);
        }
    }

    @Nested
    class PackedDirect extends OnFake {
        PackedDirect() {
            super(
                    (FakeNic.ALL | VirtioFeature.RING_PACKED)
                            & ~VirtioFeature.RING_INDIRECT_DESC
                            & ~VirtioFeature.RING_EVENT_IDX,
                    1,
                    64);
        }
    }

    @Nested
    class WithoutRingReset extends OnFake {
        WithoutRingReset() {
            super(FakeNic.ALL & ~VirtioFeature.RING_RESET, 1, 64);
        }
    }

    @Nested
    class WithoutInterrupts extends OnFake {
        WithoutInterrupts() {
            super(FakeNic.ALL & ~NetFeature.STATUS, 1, 64);
            super.f.nic.machine.vectorLimit(0);
        }
    }
}
