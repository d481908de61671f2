package helix.driver.block.nvme;

import helix.driver.api.block.ScatterList;
import helix.hal.api.DmaBuffer;
import org.jspecify.annotations.Nullable;

/// Whether the controller reaches the memory of requests. Devices reach pools, so the last pool's
/// answer serves for most.
@SuppressWarnings("ReferenceEquality") // pools are identities
final class Reach {
    private final Controller controller;
    private @Nullable Object pool;

    Reach(Controller controller) {
        this.controller = controller;
    }

    /// Checks the pieces of a request.
    ///
    /// @throws IllegalArgumentException if the controller does not reach one
    void check(ScatterList list) {
        for (int i = 0; i < list.size(); i++) {
            DmaBuffer buffer = list.buffer(i);
            if (buffer.pool() != pool) {
                if (!controller.reaches(buffer)) {
                    throw new IllegalArgumentException(
                            controller.name() + " does not reach " + buffer);
                }
                pool = buffer.pool();
            }
        }
    }
}
