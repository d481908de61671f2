package helix.driver.net.virtio;

import helix.hal.api.DeviceException;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqVectors;
import helix.virtio.VirtioTransport;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The device's interrupts: vector 0 for changes of the configuration, the others for queues,
/// shared where there are fewer vectors than queues. A line serves all, told apart by the ISR
/// status: VIRTIO 1.2, section 4.1.4.5.
final class Interrupts implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Interrupts.class);
    private static final int ISR_CONFIG = 2;

    /// Every queue, to those who are told of one.
    static final int ALL = -1;

    private final @Nullable IrqVectors vectors;
    private final AtomicLong handled = new AtomicLong();

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

    long handled() {
        return handled.get();
    }

    private boolean hasMessages() {
        return vectors != null && vectors.kind() == IrqKind.MSIX;
    }

    /// What the device is told for changes of the configuration.
    int configVector() {
        return hasMessages() ? 0 : VirtioTransport.NO_VECTOR;
    }

    /// What the device is told for a queue.
    int queueVector(int queue) {
        if (!hasMessages()) {
            return VirtioTransport.NO_VECTOR;
        }
        return count() == 1 ? 0 : 1 + queue % (count() - 1);
    }

    /// Lets interrupts through.
    ///
    /// @param transport for the ISR status
    /// @param config told of changes of the configuration
    /// @param queues told the vector of queues, or [#ALL]
    void start(VirtioTransport transport, Runnable config, IntConsumer queues) {
        if (vectors == null) {
            return;
        }
        if (!hasMessages()) {
            vectors.handler(
                    0,
                    _ -> {
                        handled.incrementAndGet();
                        // Reading it also takes the line down.
                        if ((transport.interruptStatus() & ISR_CONFIG) != 0) {
                            config.run();
                        }
                        queues.accept(ALL);
                    });
            return;
        }
        for (int v = 0; v < vectors.count(); v++) {
            vectors.handler(
                    v,
                    vector -> {
                        handled.incrementAndGet();
                        if (vector == 0) {
                            config.run();
                        }
                        queues.accept(vector);
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
