package helix.benchmarks;

import helix.driver.api.block.BlockQueue;
import helix.driver.api.block.BlockStatus;
import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import org.jspecify.annotations.Nullable;

/// A queue of a [NullBlockDevice]: a list of tags.
final class NullBlockQueue implements BlockQueue {
    private final int[] tags;
    private int inFlight;
    private int visible;
    private boolean open = true;

    NullBlockQueue(int depth) {
        tags = new int[depth];
    }

    @Override
    public int depth() {
        return tags.length;
    }

    @Override
    public int inFlight() {
        return inFlight;
    }

    @Override
    public boolean submit(
            int op,
            int flags,
            long lba,
            int blocks,
            @Nullable DmaBuffer buffer,
            long offset,
            int tag) {
        return accept(tag);
    }

    @Override
    public boolean submit(int op, int flags, long lba, int blocks, ScatterList list, int tag) {
        return accept(tag);
    }

    private boolean accept(int tag) {
        if (!open || inFlight == tags.length) {
            return false;
        }
        tags[inFlight++] = tag;
        return true;
    }

    @Override
    public void kick() {
        visible = inFlight;
    }

    @Override
    public int poll(CompletionHandler handler, int max) {
        int count = Math.min(visible, max);
        for (int i = 0; i < count; i++) {
            handler.completed(tags[i], BlockStatus.OK);
        }
        inFlight -= count;
        visible -= count;
        if (inFlight > 0) {
            System.arraycopy(tags, count, tags, 0, inFlight);
        }
        return count;
    }

    @Override
    public boolean await(long nanos) {
        return visible > 0;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    @Override
    public void close() {
        open = false;
    }
}
