package helix.driver.block.nvme;

import helix.hal.api.DeviceGoneException;
import helix.hal.api.DeviceTimeoutException;
import helix.hal.api.MmioRegion;
import org.jspecify.annotations.Nullable;

/// The two doorbells of an I/O queue pair.
final class Doorbells {
    private final Controller controller;
    private final MmioRegion bar;
    private final long tailOffset;
    private final long headOffset;
    private final @Nullable ShadowDoorbells shadow;
    private int lastTail;
    private int lastHead;
    private boolean tailOwed;
    private boolean headOwed;

    Doorbells(Controller controller, int queue) {
        this.controller = controller;
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
        tailOwed = false;
        headOwed = false;
    }

    /// Goes on where the generation before stopped, which owed nothing.
    void restore(QueueState.Rings saved) {
        lastTail = saved.shownTail();
        lastHead = saved.shownHead();
    }

    int shownTail() {
        return lastTail;
    }

    int shownHead() {
        return lastHead;
    }

    /// Whether the controller was not told of something, whatever the machine does.
    boolean hasDebt() {
        return tailOwed || headOwed;
    }

    /// Shows the controller the submission queue up to here. The release orders the entries before
    /// the doorbell.
    void tail(int value) {
        tailOwed = !write(tailOffset, lastTail, value);
        lastTail = value;
    }

    /// Gives completion entries up to here back to the controller. The release orders the loads of
    /// the entries before the doorbell.
    void head(int value) {
        headOwed = !write(headOffset, lastHead, value);
        lastHead = value;
    }

    /// Whether a doorbell could not be rung because the machine stood still, and it goes on.
    boolean isOwed() {
        return (tailOwed || headOwed) && !controller.clock().isStalled();
    }

    /// Rings what is owed.
    void retry() {
        if (tailOwed) {
            tailOwed = !ring(tailOffset, lastTail);
        }
        if (headOwed) {
            headOwed = !ring(headOffset, lastHead);
        }
    }

    private boolean write(long offset, int before, int value) {
        return (shadow != null && !shadow.publish(offset, before, value)) || ring(offset, value);
    }

    /// Writes a doorbell; what is gone needs none.
    private boolean ring(long offset, int value) {
        try {
            bar.write32Release(offset, value);
        } catch (DeviceTimeoutException e) {
            controller.clock().stalled(e);
            return false;
        } catch (DeviceGoneException e) {
            controller.gone(e.getMessage());
        }
        return true;
    }
}
