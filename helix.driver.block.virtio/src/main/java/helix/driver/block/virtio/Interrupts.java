package helix.driver.block.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.hal.api.LeaseRevokedException;
import helix.virtio.VirtioTransport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The device's interrupts: vector 0 for changes of configuration, the others for queues, shared
/// where there are fewer; or the line, whose status says what it is for. VIRTIO 1.2, section
/// 4.1.4.5.
final class Interrupts implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Interrupts.class);
    private static final int CONFIGURATION = 2;

    private final @Nullable IrqVectors vectors;

    private Interrupts(@Nullable IrqVectors vectors) {
        this.vectors = vectors;
    }

    /// Takes as many vectors as there are, up to a number.
    static Interrupts allocate(Hal hal, int max) {
        try {
            return new Interrupts(hal.allocateVectors(max));
        } catch (LeaseRevokedException e) {
            throw e;
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

    private boolean areMessages() {
        return vectors != null && vectors.kind() == IrqKind.MSIX;
    }

    /// What the device is told for changes of configuration.
    int configurationVector() {
        return areMessages() ? 0 : VirtioTransport.NO_VECTOR;
    }

    /// What the device is told for a queue.
    int queueVector(int queue) {
        if (!areMessages()) {
            return VirtioTransport.NO_VECTOR;
        }
        return count() == 1 ? 0 : 1 + queue % (count() - 1);
    }

    /// Lets interrupts through.
    ///
    /// @param watch told of changes of configuration
    void start(BlkDevice device, Runnable watch) {
        if (vectors == null) {
            return;
        }
        boolean line = !areMessages();
        boolean single = vectors.count() == 1;
        for (int v = 0; v < vectors.count(); v++) {
            vectors.handler(
                    v,
                    vector -> {
                        // Reading the status ends the line's level.
                        int status = line ? device.interruptStatus() : CONFIGURATION;
                        if (vector == 0 && (status & CONFIGURATION) != 0) {
                            device.configurationMayHaveChanged();
                            watch.run();
                        }
                        if (vector != 0 || single) {
                            device.signal(line ? -1 : vector);
                        }
                    });
        }
    }

    @Override
    public void close() {
        if (vectors != null) {
            vectors.close();
        }
    }
}
