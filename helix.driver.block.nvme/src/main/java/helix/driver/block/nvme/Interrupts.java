package helix.driver.block.nvme;

import helix.hal.api.DeviceException;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The controller's interrupt vectors: 0 for the admin queue, the others for I/O queues, shared
/// where there are fewer vectors than queues.
final class Interrupts implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Interrupts.class);

    private final @Nullable IrqVectors vectors;
    private volatile boolean lineMasked;

    private Interrupts(@Nullable IrqVectors vectors) {
        this.vectors = vectors;
    }

    /// Takes as many vectors as there are, up to a number.
    static Interrupts allocate(Hal hal, int max) {
        try {
            return new Interrupts(hal.allocateVectors(max));
        } catch (DeviceException e) {
            LOG.warn("{}: no interrupts, waiting by naps: {}", hal.name(), e.getMessage());
            return new Interrupts(null);
        }
    }

    /// Takes over the vectors of the generation before, without handlers yet.
    static Interrupts adopt(Hal hal) {
        return new Interrupts(hal.adoptVectors().orElse(null));
    }

    /// How many vectors there are.
    int count() {
        return vectors == null ? 0 : vectors.count();
    }

    /// How they arrive, in a word.
    String kind() {
        return vectors == null ? "none" : vectors.kind().toString();
    }

    /// The vector for an I/O queue: the one with the fewest users.
    ///
    /// @param users by vector
    /// @return negative if there are no interrupts
    int choose(int[] users) {
        if (count() <= 1) {
            return count() - 1;
        }
        int best = 1;
        for (int v = 2; v < count(); v++) {
            if (users[v] < users[best]) {
                best = v;
            }
        }
        return best;
    }

    /// Whether interrupts follow from entries that the head was not moved past: then the head must
    /// be reported soon. Not so for MSI-X, which sends a message for each new entry.
    boolean dependOnHead() {
        return vectors != null && vectors.kind() != IrqKind.MSIX;
    }

    /// Lets interrupts through to the watch and to waiting owners.
    void start(Runnable admin, Pairs pairs) {
        if (vectors == null) {
            return;
        }
        boolean line = vectors.kind() == IrqKind.INTX;
        for (int v = 0; v < vectors.count(); v++) {
            vectors.handler(
                    v,
                    vector -> {
                        if (line) {
                            // Level-triggered: it stays up until the queues' heads have moved.
                            vectors.mask(vector);
                            lineMasked = true;
                        }
                        if (vector == 0) {
                            admin.run();
                        }
                        pairs.signal(vector);
                    });
        }
    }

    /// Unmasks a line that the handler masked. Called by those who have taken completions and are
    /// about to wait.
    void rearm() {
        IrqVectors v = vectors;
        if (lineMasked && v != null) {
            lineMasked = false;
            v.unmask(0);
        }
    }

    @Override
    public void close() {
        if (vectors != null) {
            vectors.close();
        }
    }
}
