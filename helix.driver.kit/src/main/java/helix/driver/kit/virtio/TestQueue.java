package helix.driver.kit.virtio;

import helix.virtio.VirtioTransport;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A queue of a [TestVirtioDevice], guarded by that.
final class TestQueue {
    final int index;
    final int maxSize;
    final List<RequestChain> kept = new ArrayList<>();
    @Nullable DeviceRing ring;
    int vector = VirtioTransport.NO_VECTOR;
    long kicks;

    TestQueue(int index, int maxSize) {
        this.index = index;
        this.maxSize = maxSize;
    }

    void reset() {
        ring = null;
        vector = VirtioTransport.NO_VECTOR;
        kept.clear();
    }
}
