package helix.hal.internal;

import helix.hal.api.Deadline;
import helix.hal.api.DeviceException;
import helix.hal.api.machine.Machine;
import helix.hal.api.machine.PciHost;
import helix.hal.internal.device.HalDevice;
import helix.hal.internal.device.MachineContext;
import helix.hal.internal.device.PlatformHardware;
import helix.hal.internal.irq.Irqs;
import helix.hal.internal.lease.Leases;
import helix.hal.internal.pci.HotPlugSlot;
import helix.hal.internal.pci.PciBus;
import helix.hal.internal.pci.PciEnumerator;
import helix.hal.internal.pci.PciFunction;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// One machine's time in the HAL: its devices are found and published, its hot-plug slots watched,
/// and in the end everything is taken back.
///
/// Buses belong to one thread at a time: to the caller of [#open] until the machine's own thread is
/// started, to that until [#close] has joined it.
final class MachineHost implements HotPlugSlot.Population {
    private static final Logger LOG = LoggerFactory.getLogger(MachineHost.class);
    private static final long POLL_MILLIS = 100;
    private static final long RETRY_NANOS = 200_000_000;
    private static final long JOIN_MILLIS = 15_000;

    /// For a lease that nobody ended when its device was withdrawn.
    private static final long RELEASE_MILLIS = 2_000;

    private final Machine machine;
    private final MachineContext context;
    private final Publications publications;
    private final Leases leases;
    private final Irqs irqs;
    private final Semaphore wake = new Semaphore(0);
    private final Thread thread;
    private final List<HotPlugSlot> slots = new CopyOnWriteArrayList<>();
    private volatile boolean stopping;
    private volatile boolean pciChanged;
    private Machine.@Nullable Subscription subscription;
    private @Nullable PciEnumerator enumerator;
    private @Nullable PciBus root;
    private long nextTry;

    /// Whether the next enumeration has to distrust what it finds set up.
    private boolean afresh;

    private boolean withdrawn;
    private String lastTrouble = "";

    MachineHost(BundleContext bundles, Machine machine, int segment, Leases leases, Irqs irqs) {
        this.machine = machine;
        this.context = new MachineContext(machine, segment);
        this.publications = new Publications(bundles);
        this.leases = leases;
        this.irqs = irqs;
        this.thread =
                Thread.ofPlatform().daemon().name("hal " + machine.name()).unstarted(this::run);
    }

    String name() {
        return context.name();
    }

    MachineContext context() {
        return context;
    }

    /// Finds and publishes the machine's devices, and begins to watch it.
    void open() {
        for (Machine.PlatformResource resource : machine.platformDevices()) {
            publications.publish(new PlatformHardware(context, resource));
        }
        enumerate();
        subscription =
                machine.listen(
                        new Machine.Listener() {
                            @Override
                            public void statusChanged(Machine.Status status) {
                                wake.release();
                            }

                            @Override
                            public void pciChanged() {
                                pciChanged = true;
                                wake.release();
                            }
                        });
        thread.start();
    }

    private void enumerate() {
        PciHost host = machine.pci().orElse(null);
        if (host == null || machine.status().state() != Machine.State.READY) {
            return;
        }
        try {
            PciEnumerator finder = new PciEnumerator(context, host);
            if (afresh) {
                finder.forgetAll();
            }
            PciBus found = finder.enumerate();
            if (found.all().isEmpty() || found.hasForgotten() || !finder.isComplete(found)) {
                // The machine is being reset just now. What was half done is not built upon.
                trouble("PCI does not keep what is written to it", null);
                afresh = true;
                nextTry = System.nanoTime() + RETRY_NANOS;
                return;
            }
            enumerator = finder;
            root = found;
            List<PciFunction> functions = found.all();
            LOG.info("{}: {} PCI functions", machine.name(), functions.size());
            functions.forEach(publications::publish);
            addSlots(found);
        } catch (DeviceException e) {
            trouble("PCI could not be enumerated", e);
            afresh = true;
            nextTry = System.nanoTime() + RETRY_NANOS;
        }
    }

    private void addSlots(PciBus bus) {
        bus.stream()
                .filter(PciBus::isHotPlugSlot)
                .forEach(b -> {
                    PciFunction port = b.bridge();
                    if (port != null) {
                        slots.add(new HotPlugSlot(b, port, this));
                    }
                });
    }

    private void run() {
        while (!stopping) {
            try {
                if (wake.tryAcquire(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
                    wake.drainPermits();
                }
                look();
            } catch (InterruptedException e) {
                // Nobody interrupts this thread on purpose; `stopping` is what ends it.
                LOG.debug("{} interrupted", thread.getName(), e);
            } catch (RuntimeException e) {
                trouble("its slots could not be looked at", e);
            }
        }
    }

    private void look() {
        irqs.watch();
        switch (machine.status().state()) {
            case READY -> {
                PciBus known = root;
                if (known != null && !known.answers()) {
                    // A reset is under way: nothing that config space says now is true.
                    pciChanged = true;
                    return;
                }
                if (pciChanged) {
                    pciChanged = false;
                    if (machine.pci().map(PciHost::isHotPluggable).orElse(false)) {
                        refreshRoot();
                    } else {
                        checkReset();
                    }
                }
                if (root == null && System.nanoTime() - nextTry >= 0) {
                    enumerate();
                }
                slots.forEach(slot -> {
                    if (!stopping) {
                        slot.poll();
                    }
                });
                lastTrouble = "";
            }
            case STALLED -> {
                // Its devices may come back; nothing can be asked until then.
            }
            case FAILED -> {
                if (!withdrawn) {
                    LOG.error("{}: failed: {}", machine.name(), machine.status().detail());
                    withdrawAll();
                }
            }
        }
    }

    /// Functions of a root bus that come and go without a slot: what has left is withdrawn, what
    /// came is published, and all others notice nothing.
    private void refreshRoot() {
        PciBus known = root;
        PciEnumerator finder = enumerator;
        if (known == null || finder == null) {
            return;
        }
        List<PciFunction> departed = finder.departed(known);
        departed.forEach(PciFunction::markGone);
        departed.forEach(this::withdraw);
        departed.forEach(leases::forget);
        departed.forEach(known::remove);
        List<PciFunction> arrived = finder.arrived(known);
        arrived.forEach(publications::publish);
        departed.forEach(f -> LOG.info("{}: unplugged", f));
        arrived.forEach(f -> LOG.info("{}: plugged in", f));
    }

    /// A machine that was reset has forgotten all bus numbers and addresses. Its devices are gone;
    /// what stands there now is new.
    private void checkReset() {
        PciBus known = root;
        PciEnumerator finder = enumerator;
        if (known == null || finder == null) {
            return;
        }
        // Others than were found: the enumeration fell into a reset.
        if (!known.hasForgotten() && finder.isComplete(known)) {
            return;
        }
        LOG.warn("{}: the machine was reset", machine.name());
        slots.clear();
        List<PciFunction> functions = known.all().reversed();
        functions.forEach(PciFunction::markGone);
        functions.forEach(this::withdraw);
        functions.forEach(leases::forget);
        root = null;
        enumerator = null;
        afresh = true;
        nextTry = System.nanoTime();
    }

    /// Says what is wrong, once until it changes.
    private void trouble(String what, @Nullable RuntimeException e) {
        String message = e == null ? what : what + ": " + e.getMessage();
        if (!message.equals(lastTrouble)) {
            lastTrouble = message;
            if (e == null || e instanceof DeviceException) {
                LOG.warn("{}: {}", machine.name(), message);
            } else {
                LOG.error("{}: {}", machine.name(), what, e);
            }
        }
    }

    @Override
    public int populate(PciBus bus) {
        PciEnumerator finder = enumerator;
        if (finder == null) {
            return 0;
        }
        finder.rescan(bus);
        List<PciFunction> found = bus.all();
        found.forEach(publications::publish);
        bus.children().forEach(this::addSlots);
        return found.size();
    }

    @Override
    public void depopulate(PciBus bus, boolean surprise) {
        List<PciFunction> functions = bus.all().reversed();
        if (surprise) {
            functions.forEach(PciFunction::markGone);
        }
        slots.removeIf(slot -> bus.children().stream().anyMatch(slot::isOnOrBehind));
        functions.forEach(this::withdraw);
    }

    @Override
    public void unreachable(PciBus bus) {
        pciChanged = true;
    }

    /// Only now is memory free that one of them might have written to.
    @Override
    public void poweredOff(PciBus bus) {
        bus.all().forEach(leases::forget);
        bus.clear();
    }

    /// Withdraws a device; whoever holds it ends its lease meanwhile.
    private void withdraw(HalDevice device) {
        publications.withdraw(device);
        leases.releaseAll(device, Deadline.afterMillis(RELEASE_MILLIS));
        device.markGone();
    }

    private void withdrawAll() {
        withdrawn = true;
        slots.clear();
        List<HalDevice> devices = publications.devices().reversed();
        devices.forEach(this::withdraw);
        devices.forEach(leases::forget);
    }

    /// Takes everything back.
    void close() {
        stopping = true;
        wake.release();
        Machine.Subscription listening = subscription;
        if (listening != null) {
            listening.close();
        }
        if (!ended()) {
            LOG.error("{}: {} does not end", machine.name(), thread.getName());
        }
        withdrawAll();
        context.markGone();
    }

    private boolean ended() {
        boolean interrupted = false;
        Deadline deadline = Deadline.afterMillis(JOIN_MILLIS);
        try {
            while (true) {
                try {
                    return thread.join(Duration.ofNanos(Math.max(1, deadline.remainingNanos())));
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
