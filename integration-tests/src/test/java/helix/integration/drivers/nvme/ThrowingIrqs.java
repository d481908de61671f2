package helix.integration.drivers.nvme;

import helix.hal.api.InterruptHandler;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqService;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import java.util.Optional;
import java.util.Set;

/// Interrupts whose handlers throw from some time on.
final class ThrowingIrqs implements IrqService {
    private final IrqService irqs;
    private volatile long from = Long.MAX_VALUE;

    ThrowingIrqs(IrqService irqs) {
        this.irqs = irqs;
    }

    void throwFrom(long nanoTime) {
        from = nanoTime;
    }

    @Override
    public IrqVectors allocate(Lease lease, int min, int max, Set<IrqKind> kinds) {
        return new Vectors(irqs.allocate(lease, min, max, kinds));
    }

    @Override
    public Optional<IrqVectors> adopt(Lease lease) {
        return irqs.adopt(lease).map(Vectors::new);
    }

    private final class Vectors implements IrqVectors {
        private final IrqVectors vectors;

        Vectors(IrqVectors vectors) {
            this.vectors = vectors;
        }

        @Override
        public void handler(int vector, InterruptHandler handler) {
            vectors.handler(vector, v -> interrupt(handler, v));
        }

        private void interrupt(InterruptHandler handler, int vector) {
            if (from != Long.MAX_VALUE && System.nanoTime() - from >= 0) {
                WrappedNvme.broke();
                throw new IllegalStateException("planted in the handler");
            }
            handler.interrupt(vector);
        }

        @Override
        public IrqKind kind() {
            return vectors.kind();
        }

        @Override
        public int count() {
            return vectors.count();
        }

        @Override
        public void mask(int vector) {
            vectors.mask(vector);
        }

        @Override
        public void unmask(int vector) {
            vectors.unmask(vector);
        }

        @Override
        public void raise(int vector) {
            vectors.raise(vector);
        }

        @Override
        public long delivered(int vector) {
            return vectors.delivered(vector);
        }

        @Override
        public long storms() {
            return vectors.storms();
        }

        @Override
        public void close() {
            vectors.close();
        }
    }
}
