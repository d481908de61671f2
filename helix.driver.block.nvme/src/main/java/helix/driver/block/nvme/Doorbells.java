package helix.driver.block.nvme;

import helix.hal.api.MmioRegion;
import org.jspecify.annotations.Nullable;

/// The two doorbells of an I/O queue pair.
final class Doorbells {
    private final MmioRegion bar;
    private final long tailOffset;
    private final long headOffset;
    private final @Nullable ShadowDoorbells shadow;
    private int lastTail;
    private int lastHead;

    Doorbells(Controller controller, int queue) {
        int stride = controller.capabilities().doorbellStride();
        bar = controller.registers().bar();
        tailOffset = NvmeRegisters.tailDoorbell(queue, stride);
        headOffset = NvmeRegisters.headDoorbell(queue, stride);
        ShadowDoorbells offered = controller.shadowDoorbells();
        shadow = offered != null && offered.covers(queue, stride) ? offered : null;
    }

    /// For queues that the controller is about to create.
    void clear() {
        if (shadow != null) {
            shadow.clear(tailOffset);
            shadow.clear(headOffset);
        }
        lastTail = 0;
        lastHead = 0;
    }

    /// Shows the controller the submission queue up to here. The release orders the entries before
    /// the doorbell.
    void tail(int value) {
        if (shadow == null || shadow.publish(tailOffset, lastTail, value)) {
            bar.write32Release(tailOffset, value);
        }
        lastTail = value;
    }

    /// Gives completion entries up to here back to the controller. The release orders the loads of
    /// the entries before the doorbell.
    void head(int value) {
        if (shadow == null || shadow.publish(headOffset, lastHead, value)) {
            bar.write32Release(headOffset, value);
        }
        lastHead = value;
    }
}
