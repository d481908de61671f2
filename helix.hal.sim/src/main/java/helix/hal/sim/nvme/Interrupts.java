package helix.hal.sim.nvme;

import helix.hal.sim.api.DeviceContext;

/// When a completion queue interrupts: MSI-X messages with coalescing, or the pin with its mask.
/// NVMe over PCIe 1.0, section 3.5; Base 2.0, sections 3.1.3.3 and 5.27.1.6.
final class Interrupts {
    private static final long COALESCING_UNIT_NANOS = 100_000;

    private final Controller controller;
    private int mask;
    private boolean raised;

    Interrupts(Controller controller) {
        this.controller = controller;
    }

    int mask() {
        return mask;
    }

    void setMask(int bits, boolean set) {
        mask = set ? mask | bits : mask & ~bits;
        updateLine();
    }

    boolean isLineRaised() {
        return raised;
    }

    void reset() {
        mask = 0;
        lower();
    }

    void lower() {
        if (raised) {
            raised = false;
            controller.context().line(false);
        }
    }

    /// Sends what is due after a batch of completions.
    void deliver(CompletionQueue[] active, int count, long now) {
        DeviceContext context = controller.context();
        if (!context.messagesEnabled()) {
            for (int i = 0; i < count; i++) {
                active[i].unsent = 0;
            }
            updateLine();
            return;
        }
        lower();
        for (int i = 0; i < count; i++) {
            CompletionQueue queue = active[i];
            if (queue.unsent != 0 && isDue(queue, now)) {
                queue.unsent = 0;
                if (queue.interrupts) {
                    context.message(queue.vector);
                }
            }
        }
    }

    private boolean isDue(CompletionQueue queue, long now) {
        int coalescing = controller.features.coalescing(queue);
        int threshold = (coalescing & 0xFF) + 1;
        long time = (coalescing >>> 8 & 0xFF) * COALESCING_UNIT_NANOS;
        if (time == 0 || queue.unsent >= threshold) {
            queue.unsentSince = Long.MIN_VALUE;
            return true;
        }
        if (queue.unsentSince == Long.MIN_VALUE) {
            queue.unsentSince = now;
        }
        long due = queue.unsentSince + time;
        if (now - due >= 0) {
            queue.unsentSince = Long.MIN_VALUE;
            return true;
        }
        controller.wakeAt(due);
        return false;
    }

    /// The pin is asserted while a completion queue that interrupts has entries.
    void updateLine() {
        boolean level =
                !controller.context().messagesEnabled()
                        && (mask & 1) == 0
                        && controller.queues.hasInterruptingEntries();
        if (level != raised) {
            raised = level;
            controller.context().line(level);
        }
    }
}
