package helix.hal.internal.irq;

import helix.hal.api.DeviceException;
import helix.hal.api.InterruptFaultListener;
import helix.hal.api.IrqKind;
import helix.hal.api.IrqService;
import helix.hal.api.IrqVectors;
import helix.hal.api.Lease;
import helix.hal.api.PciCapability;
import helix.hal.api.machine.MessageInterrupts;
import helix.hal.api.machine.MessageInterrupts.Messages;
import helix.hal.internal.device.PlatformHardware;
import helix.hal.internal.lease.GrantedLease;
import helix.hal.internal.pci.PciFunction;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Gives leases their interrupt vectors: chooses the kind, and keeps an eye on the handlers.
@Component(service = {IrqService.class, Irqs.class})
public final class Irqs implements IrqService, InterruptReports {
    private static final Logger LOG = LoggerFactory.getLogger(Irqs.class);
    private static final long STORM_LIMIT = 100_000;
    private static final long STUCK_NANOS = 1_000_000_000;

    private final List<InterruptFaultListener> listeners = new CopyOnWriteArrayList<>();
    private final List<Vectors> active = new CopyOnWriteArrayList<>();
    private final long stormLimit;

    /// Made by Declarative Services.
    @Activate
    public Irqs() {
        this(STORM_LIMIT);
    }

    Irqs(long stormLimit) {
        this.stormLimit = stormLimit;
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void addListener(InterruptFaultListener listener) {
        listeners.add(listener);
    }

    void removeListener(InterruptFaultListener listener) {
        listeners.remove(listener);
    }

    @Override
    public IrqVectors allocate(Lease lease, int min, int max, Set<IrqKind> kinds) {
        if (min < 1 || max < min) {
            throw new IllegalArgumentException(min + " to " + max + " interrupt vectors");
        }
        GrantedLease granted = GrantedLease.valid(lease, "interrupt vectors");
        granted.claimInterrupts();
        try {
            return set(granted, new Choice(granted, min, max, kinds));
        } catch (RuntimeException | Error e) {
            granted.disclaimInterrupts();
            throw e;
        }
    }

    private Vectors set(GrantedLease lease, Choice choice) {
        Vectors vectors = new Vectors(lease, choice.make(), this, stormLimit);
        begin(vectors);
        try {
            lease.attach(vectors);
        } catch (RuntimeException e) {
            vectors.close();
            throw e;
        }
        return vectors;
    }

    @Override
    public Optional<IrqVectors> adopt(Lease lease) {
        GrantedLease granted = GrantedLease.valid(lease, "interrupt vectors");
        if (!(granted.takeOverInterrupts() instanceof Vectors vectors)) {
            return Optional.empty();
        }
        begin(vectors);
        return Optional.of(vectors);
    }

    private void begin(Vectors vectors) {
        active.add(vectors);
        try {
            vectors.start();
        } catch (RuntimeException | Error e) {
            active.remove(vectors);
            throw e;
        }
    }

    /// Reports handlers that do not return. Called now and then by the machines' threads.
    public void watch() {
        active.forEach(v -> v.watch(STUCK_NANOS));
    }

    /// How many sets of vectors are being dispatched.
    public int active() {
        return active.size();
    }

    @Override
    public void failed(Lease lease, int vector, Throwable cause) {
        tell(l -> l.handlerFailed(lease, vector, cause));
    }

    @Override
    public void storm(Lease lease, int vector, String reason) {
        tell(l -> l.stormMasked(lease, vector, reason));
    }

    @Override
    public void stuck(Lease lease, int vector, Duration since) {
        LOG.warn(
                "{}: the handler of interrupt {} has been running for {} ms",
                lease.owner(),
                vector,
                since.toMillis());
        tell(l -> l.handlerStuck(lease, vector, since));
    }

    private void tell(Consumer<InterruptFaultListener> message) {
        for (InterruptFaultListener listener : listeners) {
            try {
                message.accept(listener);
            } catch (RuntimeException e) {
                LOG.error("a listener to interrupt faults failed", e);
            }
        }
    }

    @Override
    public void lineStillUp(Vectors by) {
        LineSignals line = (LineSignals) by.signals();
        for (Vectors other : active) {
            if (!other.equals(by) && other.signals() instanceof LineSignals l && l.shares(line)) {
                other.look();
            }
        }
    }

    @Override
    public void ended(Vectors vectors) {
        active.remove(vectors);
    }

    /// One choice of kind and number.
    private record Choice(GrantedLease lease, int min, int max, Set<IrqKind> kinds) {
        Signals make() {
            if (lease.hardware() instanceof PlatformHardware device) {
                return platform(device);
            }
            PciFunction function = lease.reachedFunction("interrupt vectors");
            List<String> refusals = new ArrayList<>();
            for (IrqKind kind : List.of(IrqKind.MSIX, IrqKind.MSI, IrqKind.INTX)) {
                if (kinds.contains(kind)) {
                    Signals signals =
                            switch (kind) {
                                case MSIX -> msiX(function, refusals);
                                case MSI -> msi(function, refusals);
                                case INTX -> line(function, refusals);
                            };
                    if (signals != null) {
                        return signals;
                    }
                }
            }
            throw new DeviceException(
                    "%s: wanted %d to %d interrupt vectors of %s; %s"
                            .formatted(
                                    lease.owner(),
                                    min,
                                    max,
                                    kinds,
                                    refusals.isEmpty()
                                            ? "no kind named"
                                            : String.join("; ", refusals)));
        }

        private Signals platform(PlatformHardware device) {
            int count = Math.min(max, device.lines().size());
            if (count < min || !kinds.contains(IrqKind.INTX)) {
                throw new DeviceException(
                        "%s: wanted %d to %d interrupt vectors of %s; the device has %d lines"
                                .formatted(lease.owner(), min, max, kinds, device.lines().size()));
            }
            return LineSignals.of(
                    device.context().machine().lines(), device.lines().subList(0, count));
        }

        private @Nullable Signals msiX(PciFunction function, List<String> refusals) {
            Optional<MsiXSignals.Table> table = MsiXSignals.Table.of(function);
            if (table.isEmpty()) {
                refusals.add("no usable MSI-X table");
                return null;
            }
            MessageInterrupts source = function.context().machine().messages();
            List<Messages> messages =
                    MessageSignals.take(source, Math.min(max, table.get().size()));
            if (messages.size() < min) {
                int got = messages.size();
                messages.forEach(Messages::close);
                refusals.add(
                        "MSI-X gives %d (table %d, machine %d)"
                                .formatted(got, table.get().size(), source.available()));
                return null;
            }
            return guarded(messages, () -> new MsiXSignals(function, table.get(), messages));
        }

        private @Nullable Signals msi(PciFunction function, List<String> refusals) {
            Optional<PciCapability> msi = function.capability(PciCapability.MSI);
            if (msi.isEmpty()) {
                refusals.add("no MSI");
                return null;
            }
            int capable = MsiSignals.capable(function, msi.get());
            MessageInterrupts source = function.context().machine().messages();
            int most = Integer.highestOneBit(Math.min(max, capable));
            for (int count = most; count >= min; count /= 2) {
                Optional<Messages> messages = source.allocate(count);
                if (messages.isPresent()) {
                    Messages taken = messages.get();
                    if (!MsiSignals.reaches(function, msi.get(), taken.address())) {
                        taken.close();
                        refusals.add("MSI has 32 address bits, the machine needs more");
                        return null;
                    }
                    int vectors = count;
                    return guarded(List.of(taken), () -> new MsiSignals(function, taken, vectors));
                }
            }
            refusals.add(
                    "MSI gives fewer (device %d, machine %d)"
                            .formatted(capable, source.available()));
            return null;
        }

        private @Nullable Signals line(PciFunction function, List<String> refusals) {
            Optional<Integer> line = function.line();
            if (min > 1 || line.isEmpty()) {
                refusals.add(min > 1 ? "a line is one" : "no interrupt pin");
                return null;
            }
            return LineSignals.of(function, line.get());
        }

        private static Signals guarded(List<Messages> messages, Supplier<Signals> make) {
            try {
                return make.get();
            } catch (RuntimeException e) {
                messages.forEach(Messages::close);
                throw e;
            }
        }
    }
}
