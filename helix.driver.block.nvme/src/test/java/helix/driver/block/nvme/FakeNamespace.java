package helix.driver.block.nvme;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// A namespace of the fake controller.
final class FakeNamespace {
    long blocks;
    int blockShift = 9;
    int metadata;
    int protection;
    int commandSet;
    boolean invalidFormat;
    final byte[] nguid = new byte[16];
    private final Map<Long, byte[]> data = new HashMap<>();

    FakeNamespace(long blocks, int blockShift) {
        this.blocks = blocks;
        this.blockShift = blockShift;
        for (int i = 0; i < nguid.length; i++) {
            nguid[i] = (byte) (0xA0 + i);
        }
    }

    int blockBytes() {
        return 1 << blockShift;
    }

    byte[] read(long block) {
        byte[] found = data.get(block);
        return found == null ? new byte[blockBytes()] : found;
    }

    void write(long block, byte[] bytes) {
        data.put(block, Arrays.copyOf(bytes, blockBytes()));
    }

    void clear(long block) {
        data.remove(block);
    }
}
