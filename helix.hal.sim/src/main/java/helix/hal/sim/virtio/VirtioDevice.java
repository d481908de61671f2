package helix.hal.sim.virtio;

import helix.hal.api.machine.MachineControl.Choice;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a kind of device is beyond its transport: VIRTIO 1.2, chapter 5. Called with the function's
/// lock held.
abstract class VirtioDevice implements AutoCloseable {
    private @Nullable VirtioPciModel model;

    /// The transport that it is behind.
    final VirtioPciModel model() {
        VirtioPciModel current = model;
        if (current == null) {
            throw new IllegalStateException("no power");
        }
        return current;
    }

    /// The function has power.
    void powerOn(VirtioPciModel transport) {
        model = transport;
    }

    /// The number of the kind, 2 for a disk.
    abstract int deviceId();

    abstract int classCode();

    /// Features of the kind that are offered: bits 0 to 23 and from 50 on.
    abstract long features();

    /// How many queues there are, whatever is negotiated.
    abstract int queues();

    abstract ConfigSpace config();

    /// Why a set of offered features cannot be accepted: one requires another.
    abstract @Nullable String refusal(long features);

    /// FEATURES_OK was set.
    void negotiated(long features) {}

    /// The driver wrote a field of the configuration, by its own width.
    ///
    /// @return false if it is not writable
    boolean configWritten(int offset, int width, long value) {
        return false;
    }

    /// Works on its queues.
    ///
    /// @return how much was done
    abstract int work();

    /// The device was reset.
    ///
    /// @param power whether power was lost
    abstract void reset(boolean power);

    /// A queue was reset.
    void queueReset(int queue) {}

    List<Choice> faults() {
        return List.of();
    }

    /// Produces a fault of its kind.
    ///
    /// @return what was done, null if it is none of [#faults()]
    @Nullable String fault(String name, Map<String, String> options) {
        return null;
    }

    @Override
    public void close() {}
}
